"""The expert's way through repositories: in the real sandbox it mends them, and tools say what it was told they say."""

from collections.abc import Iterator

import pytest

from tests.training.sandbox.situations import run_apart
from training.agent.line_calls import parse_either, problems_in_lines
from training.agent.parser import parse_calls
from training.agent.repository_tests import RepositoryTests
from training.agent.repository_tools import repository_tools
from training.agent.results import result_text
from training.agent.schema import builtin_schemas
from training.agent.tools import Registry
from training.agent.workspace import Workspace
from training.builtin.repository_expert import demonstrated
from training.problems.repositories import generate_tasks
from training.problems.repository import files_of
from training.sandbox.client import LocalSandbox
from training.sandbox.types import Limits
from training.srl.steps import steps_of

SEEDS = range(4)


@pytest.fixture(scope="module")
def tests() -> Iterator[RepositoryTests]:
    with LocalSandbox(slots=2) as sandbox:
        yield RepositoryTests(sandbox, Limits(cpu_s=1))


def test_the_expert_mends_every_repository_by_what_tools_really_say(tests: RepositoryTests) -> None:
    registry = Registry(repository_tools(tests))
    tasks = [
        (task, split)
        for seed in SEEDS
        for split, count in (("train", 5), ("heldout", 2))
        for task in generate_tasks(count, split, seed)
    ]
    for files in [files for task, _ in tasks for files in (task.files, task.mended)]:
        tests.start(files)  # side by side; asked again below, they are known
    for problem in [demonstrated(task, split) for task, split in tasks]:
        workspace = Workspace(files_of(problem) or {})
        assert tests.judge(workspace).result().correct is False
        turns = problem.turns
        for place in range(0, len(turns) - 1, 2):
            [request] = parse_calls(turns[place].text)
            result = run_apart(registry.call(request, workspace))
            assert result.status == "ok"
            assert result_text(result) == turns[place + 1].text
        assert not parse_calls(turns[-1].text)
        assert tests.judge(workspace).result().correct is True
        assert workspace.diff.count("\n+") == 2, "the head of a diff, and one line"


def test_its_steps_are_its_calls_from_failing_tests_to_passing_ones() -> None:
    for task in generate_tasks(40, "train", 0):
        steps = steps_of(demonstrated(task, "train"), "tool_call")
        assert len(steps) == (5 if task.entry != task.path else 4)
        assert steps[0].text == steps[-1].text
        assert steps[0].observation.startswith("0 passed, 1 failed\nassert ")
        assert steps[-1].observation == "1 passed"


def test_in_lines_its_calls_are_the_same_in_less_text() -> None:
    problems = [demonstrated(task, "train") for task in generate_tasks(40, "train", 0)]
    schemas = builtin_schemas("template", "repository")
    for problem, shorter in zip(problems, problems_in_lines(problems, schemas), strict=True):
        for turn, other in zip(problem.turns, shorter.turns, strict=True):
            calls, again = parse_calls(turn.text), parse_either(other.text, schemas)
            assert [(call.name, call.arguments) for call in again] == [(call.name, call.arguments) for call in calls]
        length, less = (
            sum(len(turn.text) for turn in each.turns if turn.role == "model") for each in (problem, shorter)
        )
        assert less < 0.6 * length


FORGERIES = {
    "ends": "import os\nos._exit(0)\n",
    "leaves": "import sys\nsys.exit(0)\n",
    "prints": 'print(\'{"passed": 9, "failures": []}\')\ndef f():\n return 0\n',
    "writes to the judge": 'import os\nfor n in range(3,20):\n try: os.write(n,b\'{"passed": 9, "failures": []}\')\n'
    " except OSError: pass\nos._exit(0)\n",
    "cannot be read": "def f(:\n",
    "does not end": "while True: pass\n",
}


@pytest.mark.parametrize("source", FORGERIES.values(), ids=FORGERIES)
def test_only_tests_that_ran_and_passed_count(tests: RepositoryTests, source: str) -> None:
    files = {"lib.py": source, "test_lib.py": "from lib import f\ndef test():\n assert f()==1\n"}
    assert tests.judge(Workspace(files)).result().correct is False
