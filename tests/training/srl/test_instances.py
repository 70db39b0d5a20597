"""N steps give N - 1 instances, each with what came before it, and refused problems are told."""

import pytest

from tests.training.srl.test_steps import NUMBERED, problem
from training.problems import Problem
from training.srl.instances import INSTRUCTION, instances_of, prepare
from training.srl.steps import Step, steps_of


@pytest.mark.parametrize("count", [1, 2, 5])
def test_the_last_step_is_never_a_target_unless_asked_for(count: int) -> None:
    steps = [Step(f"s{number}", number=number) for number in range(1, count + 1)]
    found = instances_of(problem("x"), steps)
    assert [len(instance.context) for instance in found] == list(range(count - 1))
    assert [instance.target for instance in found] == [f"s{number}" for number in range(1, count)]
    assert len(instances_of(problem("x"), steps, last=True)) == count


def test_the_prompt_holds_the_problem_and_the_steps_so_far_and_never_the_target() -> None:
    first, second = instances_of(problem(NUMBERED), steps_of(problem(NUMBERED), "numbered"))
    assert first.prompt == f"{INSTRUCTION}\n\nProblem:\nWhat is (2 + 3)^2?"
    assert second.prompt == (
        f"{first.prompt}\n\nSolution so far:\n1. **Find the sum** Add the numbers: 2 + 3 = 5.\nIt is 5."
    )
    assert (second.id, second.target) == ("p/step-2", "2. **Square it** 5^2 = 25.")


def test_a_title_that_is_given_is_no_part_of_the_target() -> None:
    found = instances_of(problem(NUMBERED), steps_of(problem(NUMBERED), "numbered"), title=True)
    assert found[1].target == "5^2 = 25."
    assert found[1].prompt.endswith("\n\nTitle of the next step:\n2. **Square it**")
    (untitled,) = instances_of(problem("a\nb"), steps_of(problem("a\nb"), "line"), title=True)
    assert untitled.target == "a"
    assert "Title" not in untitled.prompt


def test_what_tools_said_is_in_the_prompt() -> None:
    steps = [Step("ls", number=1, observation="a.py"), Step("cat a.py", number=2)]
    assert instances_of(problem("x"), steps, last=True)[1].prompt.endswith("Solution so far:\nls\na.py")


def test_a_set_gives_instances_in_order_and_reasons_for_the_rest() -> None:
    found = prepare([problem("a\nb\nc"), problem(None), problem("a"), problem("d\ne")], "line")
    assert [instance.target for instance in found.instances] == ["a", "b", "d"]
    assert [reason for _, reason in found.refused] == [
        "it has no worked solution",
        "it has one step only, and the last step is no target",
    ]
    with pytest.raises(ValueError, match="no regular expression"):
        prepare([Problem("p", "?", "1", "a", "train", "easy")], "regex", "(")
