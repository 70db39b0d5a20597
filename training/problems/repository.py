"""A repository that belongs to a problem: a few files of text, some of which are tests that a change has to pass.

It lies in the problem's `meta` as one JSON object, path to text, so that problem files can bring their own.
"""

import json
from collections.abc import Mapping
from difflib import unified_diff
from pathlib import PurePosixPath
from types import MappingProxyType

from training.problems.types import Problem

Files = Mapping[str, str]
"""Text by path, relative to the root of the repository."""

META = "repository"
MOST_FILES, MOST_CHARACTERS = 64, 50_000
"""Of a repository, and of all its files together: what an agent is to read must be small."""


def files_of(problem: Problem) -> Files | None:
    """The repository of a problem as it was found; None where it has none. Raises ValueError where it is none."""
    if META not in problem.meta:
        return None
    files = json.loads(problem.meta[META])
    if not isinstance(files, dict) or not all(isinstance(text, str) for text in files.values()):
        raise ValueError(f"problem {problem.id}: {META} must be an object of texts by path")
    if len(files) > MOST_FILES or sum(map(len, files.values())) > MOST_CHARACTERS:
        raise ValueError(f"problem {problem.id}: at most {MOST_FILES} files of {MOST_CHARACTERS:,} characters together")
    for path in files:
        if not path or path.startswith("/") or str(PurePosixPath(path)) != path or ".." in PurePosixPath(path).parts:
            raise ValueError(f"problem {problem.id}: {path!r} is no plain path within a repository")
    if not any(map(is_test, files)):
        raise ValueError(f"problem {problem.id}: a repository needs a test, a file named test*.py")
    return MappingProxyType(files)


def as_meta(files: Files) -> dict[str, str]:
    """What a problem carries its repository in."""
    return {META: json.dumps(dict(files), ensure_ascii=False)}


def is_test(path: str) -> bool:
    """Whether a file holds tests, by its name."""
    name = PurePosixPath(path).name
    return name.startswith("test") and name.endswith(".py")


def with_tests_of(original: Files, files: Files) -> Files:
    """The files with all tests as they were: editing a test earns nothing."""
    return {path: original[path] if is_test(path) else text for path, text in files.items()}


def difference(before: Files, after: Files, context: int = 3) -> str:
    """A unified diff of all files that differ, with so many lines around each change; empty where none does."""
    lines: list[str] = []
    for path in sorted(before.keys() | after.keys()):
        old, new = (files.get(path, "").splitlines() for files in (before, after))
        lines += unified_diff(old, new, f"a/{path}", f"b/{path}", n=context, lineterm="")
    return "\n".join(lines)
