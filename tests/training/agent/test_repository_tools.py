"""A software agent's tools on files in memory, the tests run by an executor that is told what to say."""

import json
from concurrent.futures import Future
from typing import Any

import pytest

from tests.fake_executor import FakeExecutor
from tests.training.sandbox.situations import run_apart
from training.agent.parser import CallRequest
from training.agent.repository_tests import RepositoryTests
from training.agent.repository_tools import repository_tools
from training.agent.results import ToolResult, result_text
from training.agent.tools import Registry, ToolRunner
from training.agent.workspace import Workspace
from training.sandbox.types import Call, ExecutionResult, Limits

FILES = {
    "ops.py": "def add(a,b):\n return a-b\n",
    "test_ops.py": "from ops import add\ndef test():\n assert add(1,2)==3\n",
}


class Testing(FakeExecutor):
    """Says that tests pass where the sum is right, and counts what it was asked; or says what it was given."""

    __test__ = False

    def __init__(self, **answer: Any) -> None:
        self.asked: list[dict[str, Any]] = []
        self._answer = answer

    def submit(self, call: Call) -> "Future[ExecutionResult]":
        given = json.loads(call.stdin)
        self.asked.append(given)
        right = "return a+b" in given["files"]["ops.py"]
        told = {"passed": 1, "failures": []} if right else {"passed": 0, "failures": ["assert add(1,2)==3"]}
        answer = {"status": "ok", "stdout": json.dumps(told) + "\n", "wall_s": 0.5} | self._answer
        future: Future[ExecutionResult] = Future()
        future.set_result(ExecutionResult(call.id, **answer))
        return future


def ask(workspace: Workspace | None, name: str, executor: FakeExecutor | None = None, **arguments: Any) -> ToolResult:
    registry = Registry(repository_tools(RepositoryTests(executor or Testing(), Limits())))
    result: ToolResult = run_apart(registry.call(CallRequest(name, arguments, ""), workspace))
    return result


def edit(workspace: Workspace, **arguments: Any) -> ToolResult:
    return ask(workspace, "edit", **({"path": "ops.py", "old": "a-b", "new": "a+b"} | arguments))


def test_reading_lists_files_and_gives_their_text() -> None:
    workspace = Workspace(FILES)
    assert result_text(ask(workspace, "read")) == "ops.py\ntest_ops.py"
    assert result_text(ask(workspace, "read", path="ops.py")) == "def add(a,b):\n return a-b"
    assert result_text(ask(Workspace({"test.py": ""}), "read", path="test.py")) == "(empty file)"


def test_an_edit_tells_the_lines_that_differ_and_leaves_the_found_files_alone() -> None:
    workspace, other = Workspace(FILES), Workspace(FILES)
    assert result_text(edit(workspace)) == "- return a-b\n+ return a+b"
    assert workspace.files["ops.py"] == "def add(a,b):\n return a+b\n"
    assert workspace.original == other.files == FILES
    assert workspace.diff.splitlines()[:2] == ["--- a/ops.py", "+++ b/ops.py"]
    assert other.diff == ""


@pytest.mark.parametrize(
    ("arguments", "error"),
    [
        ({"path": "nope.py"}, "there is no file nope.py"),
        ({"old": "zzz"}, "old must be found once in ops.py, not 0 times"),
        ({"old": "a"}, "old must be found once in ops.py, not 3 times"),
        ({"old": ""}, "old must be found once in ops.py, not nothing"),
        ({"new": "a-b"}, "old and new are the same"),
        ({"new": "x" * 60_000}, "files may have 50,000 characters together"),
    ],
)
def test_an_edit_that_cannot_be_made_says_why_and_changes_nothing(arguments: dict[str, Any], error: str) -> None:
    workspace = Workspace(FILES)
    result = edit(workspace, **arguments)
    assert (result.status, result.error) == ("error", error)
    assert workspace.files == FILES


def test_arguments_are_checked() -> None:
    for given in ({"path": 3}, {"old": None}, {"new": ["a"]}):
        result = edit(Workspace(FILES), **given)
        assert result.status == "bad_arguments"
    assert ask(Workspace(FILES), "edit", path="ops.py").error == "Error when executing tool: old is missing"
    assert ask(None, "read").status == "bad_arguments", "no repository, nothing to read"


def test_tests_run_on_the_files_as_they_are() -> None:
    executor, workspace = Testing(), Workspace(FILES)
    found = ask(workspace, "run_tests", executor)
    assert (found.status, found.stdout) == ("ok", "0 passed, 1 failed\nassert add(1,2)==3")
    edit(workspace)
    assert result_text(ask(workspace, "run_tests", executor)) == "1 passed"
    assert executor.asked[1] == {"files": dict(workspace.files), "tests": ["test_ops.py"]}


@pytest.mark.parametrize(
    ("answer", "status", "said"),
    [
        ({"status": "timeout", "stdout": ""}, "timeout", "the tests ran longer than 6 s"),
        ({"status": "killed", "stdout": "", "signal": 9}, "error", "the tests were ended"),
        ({"status": "ok", "stdout": "hello"}, "error", "the tests were ended"),
        (
            {"status": "sandbox_died", "stdout": "", "detail": "gone"},
            "infrastructure",
            "Error when executing tool: gone",
        ),
    ],
)
def test_tests_that_tell_nothing(answer: dict[str, Any], status: str, said: str) -> None:
    executor = Testing(**answer)
    result = ask(Workspace(FILES), "run_tests", executor)
    assert (result.status, result.error) == (status, said)
    verdict = RepositoryTests(executor, Limits()).judge(Workspace(FILES)).result()
    assert (verdict.correct, verdict.extracted) == ((None, None) if status == "infrastructure" else (False, "not run"))


def test_the_judge_puts_the_tests_back() -> None:
    executor, workspace = Testing(), Workspace(FILES)
    edit(workspace, path="test_ops.py", old="==3", new="==-1")
    verdict = RepositoryTests(executor, Limits()).judge(workspace).result()
    assert (verdict.correct, verdict.extracted) == (False, "0 passed, 1 failed")
    assert executor.asked[0]["files"] == FILES
    edit(workspace)
    verdict = RepositoryTests(executor, Limits()).judge(workspace).result()
    assert (verdict.correct, verdict.extracted) == (True, "1 passed")


def test_no_test_at_all_resolves_nothing() -> None:
    executor = Testing(stdout=json.dumps({"passed": 0, "failures": []}))
    assert RepositoryTests(executor, Limits()).judge(Workspace(FILES)).result().correct is False


def test_equal_files_are_tested_once_and_failures_of_the_service_are_not_remembered() -> None:
    executor = Testing()
    tests = RepositoryTests(executor, Limits())
    assert [tests.judge(Workspace(FILES)).result().correct for _ in range(3)] == [False] * 3
    assert len(executor.asked) == 1
    lost = Testing(status="sandbox_died")
    tests = RepositoryTests(lost, Limits())
    assert [tests.judge(Workspace(FILES)).result().correct for _ in range(2)] == [None] * 2
    assert len(lost.asked) == 2


def test_calls_of_one_turn_take_effect_in_their_order() -> None:
    executor, workspace = Testing(), Workspace(FILES)
    with ToolRunner(Registry(repository_tools(RepositoryTests(executor, Limits())))) as tools:
        calls: list[tuple[str, dict[str, Any]]] = [
            ("run_tests", {}),
            ("edit", {"path": "ops.py", "old": "a-b", "new": "a*b"}),
            ("edit", {"path": "ops.py", "old": "a*b", "new": "a+b"}),
            ("run_tests", {}),
        ]
        futures = [tools.start(CallRequest(name, given, ""), workspace) for name, given in calls]
        said = [result_text(future.result(5)) for future in futures]
    assert [text.splitlines()[0] for text in said] == ["0 passed, 1 failed", "- return a-b", "- return a*b", "1 passed"]
