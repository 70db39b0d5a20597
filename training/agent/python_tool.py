"""The tool that runs Python, over an executor that isolates it. Stateless: no variable survives a call."""

import asyncio
import itertools
import math
from collections.abc import Mapping
from typing import Any

from training.agent.parser import plain
from training.agent.results import ToolResult, could_not_run
from training.agent.schema import PYTHON, PYTHON_SCHEMA, PYTHON_WITH_IO, PYTHON_WITH_IO_SCHEMA
from training.agent.tools import BadArgumentsError, Tool
from training.agent.workspace import Workspace
from training.config import AgenticConfig
from training.events import CallStatus
from training.sandbox.types import Call, ExecutionResult, Executor, Limits, ProgramError, Status

_STATUSES: dict[Status, CallStatus] = {"ok": "ok", "timeout": "timeout", "cpu_limit": "timeout"}
"""Ends by the program's own doing; any other is an error."""

OUT_OF_MEMORY = "MemoryError"


def limits_of(config: AgenticConfig) -> Limits:
    """What a program of a run may use."""
    seconds = config.tool_seconds
    return Limits(wall_s=seconds, cpu_s=max(math.ceil(seconds), 1), memory_mb=config.tool_memory_mib)


def python_tool(executor: Executor, config: AgenticConfig, prompt_tools: str) -> Tool:
    """The tool under the name that prompts of this kind give it."""
    seconds = config.tool_seconds
    limits = limits_of(config)
    numbers = itertools.count()

    async def run(arguments: Mapping[str, Any], _: Workspace | None) -> ToolResult:
        code, stdin = arguments.get("code", ""), arguments.get("input", "")
        for name, value in (("code", code), ("input", stdin)):
            if not isinstance(value, str):
                raise BadArgumentsError(f"{name} must be a string, not {type(value).__name__}")
        try:
            call = Call(str(next(numbers)), plain(code), plain(stdin), limits)
        except ValueError as error:
            raise BadArgumentsError(str(error)) from error
        # Shielded: who runs it must find its future as it was, also when the run ends first.
        return read_result(await asyncio.shield(asyncio.wrap_future(executor.submit(call))), seconds)

    with_io = prompt_tools == "schema"
    return Tool(PYTHON_WITH_IO if with_io else PYTHON, PYTHON_WITH_IO_SCHEMA if with_io else PYTHON_SCHEMA, run)


def read_result(result: ExecutionResult, seconds: float) -> ToolResult:
    """What an execution of at most `seconds` was, to the model."""
    if result.is_infrastructure:
        failed = could_not_run("infrastructure", result.detail or result.status)
        return ToolResult(failed.status, error=failed.error, queue_s=result.queue_s, wall_s=result.wall_s)
    status = _STATUSES.get(result.status, "error")
    if result.error is not None and result.error.kind == OUT_OF_MEMORY:
        status = "memory"
    return ToolResult(
        status,
        stdout=result.stdout,
        stderr=result.stderr,
        value=result.value or "",
        error="" if status == "ok" else _why(result, seconds),
        queue_s=result.queue_s,
        wall_s=result.wall_s,
    )


def _why(result: ExecutionResult, seconds: float) -> str:
    if result.error is not None:
        return in_one_line(result.error)
    if result.status in ("timeout", "cpu_limit"):
        return f"TimeoutError: the program ran longer than {seconds:g} s"
    if result.status == "output_limit":
        return "the program wrote too much"
    if result.status == "killed":
        return f"the program was ended by signal {result.signal}"
    return f"the program ended with exit code {result.exit_code}"


def in_one_line(error: ProgramError) -> str:
    """Kind, line and message; below it the line itself, where there is one."""
    where = "" if error.line is None else f" at line {error.line}"
    told = f"{error.kind}{where}: {error.message}" if error.message else f"{error.kind}{where}"
    return f"{told}\n  {error.text}" if error.text else told
