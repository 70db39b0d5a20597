"""What is asked for: step by step or whole, told in the prompt or put into the model's mouth."""

import tracemalloc
from typing import Any

import pytest

from tests.training.agent.parts import codec
from tests.training.srl.test_steps import NUMBERED, problem
from training.agent.demonstrations import demonstration
from training.agent.templates import TurnTemplate
from training.builtin.repository_expert import demonstrated
from training.config import SrlMethod
from training.experience.steps import task_ids
from training.problems.repositories import generate_tasks
from training.problems.types import DemonstratedTurn
from training.srl.tasks import SOLVE, Task, reasons_of, tasks_of

BUILT_IN = "<think>2+3=5\n5*5=25\n25-1=24</think><answer>24</answer>"


def tasks(solution: str | None, turns: tuple[DemonstratedTurn, ...] = (), **options: Any) -> list[Task]:
    found = tasks_of([problem(solution, turns)], SrlMethod.model_validate(options))
    return found.tasks if not found.refused else pytest.fail(str(found.refused))


def test_a_built_in_solution_is_gone_on_with_line_by_line() -> None:
    """The first step must open the thinking itself; the last one that counts must close it."""
    found = tasks(BUILT_IN)
    assert [(task.given, task.opening, task.target) for task in found] == [
        ("", "<think>", "2+3=5"),
        ("<think>2+3=5\n", "", "5*5=25"),
        ("<think>2+3=5\n5*5=25\n", "", "25-1=24</think>"),
    ]
    assert [task.context for task in found] == [(), ("2+3=5",), ("2+3=5", "5*5=25")]
    assert {task.prompt for task in found} == {"What is (2 + 3)^2?"}
    assert [(task.number, task.count, task.is_last) for task in found] == [(n, 4, False) for n in (1, 2, 3)]


def test_the_last_step_where_it_counts() -> None:
    last = tasks(BUILT_IN, steps={"last": True})[-1]
    assert last.given == "<think>2+3=5\n5*5=25\n25-1=24</think><answer>"
    assert (last.target, last.is_last) == ("24</answer>", True)


def test_what_is_given_and_what_is_to_come_is_the_solution() -> None:
    for rule in ("numbered", "paragraph", "line"):
        for title in (False, True):
            for task in tasks(NUMBERED.replace("\n2.", "\n\n2."), steps={"rule": rule, "title": title}):
                whole = NUMBERED.replace("\n2.", "\n\n2.")
                assert whole.startswith(task.given)
                assert whole[len(task.given) :].strip().startswith(task.target)
                assert task.target not in task.given


def test_a_given_title_is_said_already() -> None:
    second = tasks(NUMBERED, steps={"rule": "numbered", "title": True})[1]
    assert second.given.endswith("\n2. **Square it:**")
    assert (second.target, second.title) == ("5^2 = 25.", "Square it")
    untold = tasks(NUMBERED, steps={"rule": "numbered"})[1]
    assert untold.target == "2. **Square it:** 5^2 = 25."


def test_the_papers_form_tells_the_steps_in_the_prompt() -> None:
    second = tasks(NUMBERED, format="think_action", steps={"rule": "numbered"})[1]
    assert "Solution so far:\n1. **Find the sum** Add" in second.prompt
    assert (second.given, second.opening, second.id) == ("", "", "p/step-2")
    assert second.target == "2. **Square it** 5^2 = 25."
    turns = (DemonstratedTurn("model", "<tool_call>ls</tool_call>"), DemonstratedTurn("tool", "a.py"))
    called = tasks(None, (*turns, *turns), format="think_action", steps={"rule": "tool_call", "last": True})
    assert [task.context for task in called] == [(), ("<tool_call>ls</tool_call>\na.py",)]


def test_a_whole_solution_is_one_task() -> None:
    (whole,) = tasks(BUILT_IN, granularity="solution")
    assert (whole.id, whole.prompt, whole.target) == ("p", "What is (2 + 3)^2?", BUILT_IN)
    (told,) = tasks(BUILT_IN, granularity="solution", format="think_action")
    assert told.prompt.startswith(SOLVE)
    assert told.target == "2+3=5\n5*5=25\n25-1=24\n24"
    (answer,) = tasks(None, granularity="answer")
    assert answer.target == "25"


def test_reasons_are_counted_whatever_their_numbers() -> None:
    turns = (DemonstratedTurn("model", "<tool_call>ls</tool_call>"),)
    several = [problem("1. **Sum** 5"), problem("1. **A** a\n3. **B** b"), problem("1. **A** a\n4. **B** b")]
    found = tasks_of(several, SrlMethod.model_validate({"steps": {"rule": "numbered"}}))
    assert not found.tasks
    assert reasons_of(found.refused) == [
        "2 × step # is numbered #",
        "1 × it has one step only, and the last step is no target",
    ]
    (refused,) = tasks_of([problem(None, turns)], SrlMethod.model_validate({"steps": {"rule": "tool_call"}})).refused
    assert "one step only" in refused.reason


def test_prompts_of_a_long_transcript_are_put_together_only_when_asked_for() -> None:
    turns = (DemonstratedTurn("model", "<tool_call>ls</tool_call>"), DemonstratedTurn("tool", "a" * 100_000))
    tracemalloc.start()
    found = tasks(None, turns * 50, format="think_action", steps={"rule": "tool_call"})
    held, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert held < 20_000_000  # all 49 prompts together have more than 100 million characters
    assert found[-1].characters == len(found[-1].prompt) > 4_800_000


def test_a_demonstration_in_turns_is_gone_on_with_turn_by_turn() -> None:
    """The model's next turn is asked for, whatever it thinks; its call is compared."""
    task = generate_tasks(1, "train", 5)[0]
    expert = demonstrated(task, "train")
    made = tasks_of([expert], SrlMethod.model_validate({"steps": {"rule": "tool_call"}})).tasks
    calling = [turn for turn in expert.turns if "<tool_call>" in turn.text]
    assert len(made) == len(calling) - 1, "the last step is no target"
    for place, each in enumerate(made):
        assert each.turns == expert.turns[: 2 * place]
        assert each.target == calling[place].text.split("</think>")[-1]
        assert (each.prompt, each.given, each.opening) == (expert.prompt, "", "")
        assert len(each.context) == place
    whole = demonstration(expert, codec(tools="template"), TurnTemplate(codec(tools="template")))
    for place, each in enumerate(made):
        ids = task_ids(each, codec(tools="template"))
        said = codec(tools="template").response_ids(calling[place].text)
        assert [*whole.prompt, *whole.response][: len(ids) + len(said)] == ids + said, "as in a rollout"
