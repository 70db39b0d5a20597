"""Executions as the model is told of them, over an executor that runs nothing."""

from concurrent.futures import Future
from typing import Any

import pytest

from tests.fake_executor import FakeExecutor
from tests.training.sandbox.situations import run_apart
from training.agent.parser import CallRequest
from training.agent.python_tool import python_tool
from training.agent.results import ToolResult, result_text
from training.agent.tools import Registry
from training.config import AgenticConfig
from training.sandbox.types import Call, ExecutionResult, Executor, ProgramError


class Answering(FakeExecutor):
    """Gives one answer to all, and remembers what was asked."""

    def __init__(self, **answer: Any) -> None:
        self.calls: list[Call] = []
        self._answer = answer

    def submit(self, call: Call) -> "Future[ExecutionResult]":
        self.calls.append(call)
        future: Future[ExecutionResult] = Future()
        future.set_result(ExecutionResult(call.id, **self._answer))
        return future


def ask(executor: Executor, arguments: dict[str, Any], name: str = "python", tools: str = "template") -> ToolResult:
    config = AgenticConfig(tool_seconds=2.5, tool_memory_mib=100)
    registry = Registry([python_tool(executor, config, tools)])
    result: ToolResult = run_apart(registry.call(CallRequest(name, arguments, "")))
    return result


def test_a_call_is_run_with_its_input_within_the_limits() -> None:
    executor = Answering(status="ok", stdout="6\n", wall_s=0.5, queue_s=0.25)
    result = ask(executor, {"code": "print(int(input()) * 2)", "input": "3"})
    [call] = executor.calls
    assert (call.program, call.stdin) == ("print(int(input()) * 2)", "3")
    assert (call.limits.wall_s, call.limits.cpu_s, call.limits.memory_mb) == (2.5, 3, 100)
    assert (result.status, result.stdout, result.wall_s, result.queue_s) == ("ok", "6\n", 0.5, 0.25)


def test_without_code_an_empty_program_runs() -> None:
    executor = Answering(status="ok")
    assert ask(executor, {}).status == "ok"
    assert executor.calls[0].program == ""


def test_the_paper_names_it_otherwise() -> None:
    executor = Answering(status="ok")
    assert ask(executor, {}, "python_code_with_standard_io", "schema").status == "ok"
    assert ask(executor, {}, "python", "schema").status == "unknown_tool"


@pytest.mark.parametrize(
    "arguments", [{"code": 1}, {"code": None}, {"code": "", "input": ["1"]}, {"code": "1" * 2**21}]
)
def test_arguments_it_cannot_take_are_the_models_fault(arguments: dict[str, Any]) -> None:
    executor = Answering(status="ok")
    result = ask(executor, arguments)
    assert result.status == "bad_arguments"
    assert result.error.startswith("Error when executing tool: ")
    assert executor.calls == []


ZERO = ProgramError("ZeroDivisionError", "division by zero", 2, "1/0")


@pytest.mark.parametrize(
    ("answer", "status", "text"),
    [
        ({"status": "ok", "value": "6"}, "ok", "6"),
        ({"status": "error", "stdout": "before\n", "error": ZERO}, "error",
         "before\nZeroDivisionError at line 2: division by zero\n  1/0"),
        ({"status": "error", "error": ProgramError("MemoryError", "")}, "memory", "MemoryError"),
        ({"status": "error", "exit_code": 3}, "error", "the program ended with exit code 3"),
        ({"status": "timeout", "stdout": "1\n"}, "timeout", "1\nTimeoutError: the program ran longer than 2.5 s"),
        ({"status": "cpu_limit"}, "timeout", "TimeoutError: the program ran longer than 2.5 s"),
        ({"status": "output_limit"}, "error", "the program wrote too much"),
        ({"status": "killed", "signal": 11}, "error", "the program was ended by signal 11"),
        ({"status": "sandbox_died", "detail": "lost"}, "infrastructure", "Error when executing tool: lost"),
        ({"status": "queue_timeout"}, "infrastructure", "Error when executing tool: queue_timeout"),
    ],
)  # fmt: skip
def test_each_end_has_its_words(answer: dict[str, Any], status: str, text: str) -> None:
    result = ask(Answering(**answer), {"code": "x"})
    assert result.status == status
    assert result_text(result) == text
