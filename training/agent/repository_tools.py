"""The tools of a software agent: read a file, replace a text in it, run the tests. Only the last runs anything.

Calls of one turn take effect in the order they were written.
"""

import asyncio
from collections.abc import Mapping
from difflib import unified_diff
from typing import Any

from training.agent.parser import plain
from training.agent.repository_tests import RepositoryTests
from training.agent.results import ToolResult
from training.agent.schema import EDIT_SCHEMA, READ_SCHEMA, RUN_TESTS_SCHEMA
from training.agent.tools import BadArgumentsError, Tool
from training.agent.workspace import Workspace
from training.problems.repository import MOST_CHARACTERS, Files

NO_REPOSITORY = "this problem has no repository"


def repository_tools(tests: RepositoryTests) -> list[Tool]:
    """`read`, `edit` and `run_tests`."""

    async def read(arguments: Mapping[str, Any], workspace: Workspace | None) -> ToolResult:
        return read_file(_files(workspace), _text(arguments, "path", ""))

    async def edit(arguments: Mapping[str, Any], workspace: Workspace | None) -> ToolResult:
        path, old, new = (_text(arguments, name) for name in ("path", "old", "new"))
        files = _files(workspace)
        edited, result = edit_file(files, path, old, new)
        if workspace is not None and edited is not files:
            workspace.write(path, edited[path])
        return result

    async def run_tests(arguments: Mapping[str, Any], workspace: Workspace | None) -> ToolResult:
        # Shielded: others may wait for the same outcome, also when this run ends first.
        outcome = await asyncio.shield(asyncio.wrap_future(tests.start(_files(workspace))))
        told = ("", outcome.text) if outcome.status == "ok" else (outcome.text, "")
        return ToolResult(outcome.status, error=told[0], stdout=told[1], queue_s=outcome.queue_s, wall_s=outcome.wall_s)

    return [
        Tool("read", READ_SCHEMA, read),
        Tool("edit", EDIT_SCHEMA, edit),
        Tool("run_tests", RUN_TESTS_SCHEMA, run_tests),
    ]


def read_file(files: Files, path: str) -> ToolResult:
    """The text of a file, or the paths of all where none is named."""
    if not path:
        return ToolResult("ok", stdout="\n".join(sorted(files)))
    if path not in files:
        return _no_such_file(path)
    return ToolResult("ok", stdout=files[path] or "(empty file)")


def edit_file(files: Files, path: str, old: str, new: str) -> tuple[Files, ToolResult]:
    """The files with `old`, which has to stand in the file once, replaced by `new`; the lines that differ are told."""
    if path not in files:
        return files, _no_such_file(path)
    count = files[path].count(old) if old else 0
    if count != 1:
        said = f"{count} times" if old else "nothing"
        return files, ToolResult("error", error=f"old must be found once in {path}, not {said}")
    edited = {**files, path: files[path].replace(old, new)}
    if sum(map(len, edited.values())) > MOST_CHARACTERS:
        return files, ToolResult("error", error=f"files may have {MOST_CHARACTERS:,} characters together")
    if old == new:
        return files, ToolResult("error", error="old and new are the same")
    return edited, ToolResult("ok", stdout=changed_lines(files[path], edited[path]))


def changed_lines(before: str, after: str) -> str:
    """The lines of a diff that begin with - or +, without its heads."""
    lines = list(unified_diff(before.splitlines(), after.splitlines(), n=0, lineterm=""))[2:]
    return "\n".join(line for line in lines if not line.startswith("@@"))


def _no_such_file(path: str) -> ToolResult:
    return ToolResult("error", error=f"there is no file {path}")


def _files(workspace: Workspace | None) -> Files:
    if workspace is None:
        raise BadArgumentsError(NO_REPOSITORY)
    return workspace.files


def _text(arguments: Mapping[str, Any], name: str, default: str | None = None) -> str:
    value = arguments.get(name, default)
    if not isinstance(value, str):
        raise BadArgumentsError(f"{name} must be a string" if value is not None else f"{name} is missing")
    return plain(value)
