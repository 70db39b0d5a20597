"""What of a response is the step, by the rule that cuts steps, and what is wrong where there is none."""

from dataclasses import replace
from typing import Any

import pytest

from tests.training.srl.test_steps import problem
from training.config import SrlMethod
from training.srl.reading import NOT_THE_FORM, Reader, Reading, may_stop
from training.srl.response import MOST_CHARACTERS
from training.srl.tasks import Task

MIDDLE = Task(problem("x"), 2, 4, ("a",), "b", "?", given="<think>a\n")
FIRST, LAST = replace(MIDDLE, number=1, given="", opening="<think>"), replace(MIDDLE, number=4)


def read(response: str, task: Task = MIDDLE, ended: bool = False, **options: Any) -> Reading:
    return Reader(SrlMethod.model_validate(options)).read(response, task, ended)


@pytest.mark.parametrize(
    ("response", "task", "action", "end"),
    [
        ("5*5=25\n25-1", MIDDLE, "5*5=25", 7),
        ("\n 5*5=25 \n", MIDDLE, "5*5=25", 10),
        ("5*5=25</think><answer>25", MIDDLE, "5*5=25</think>", 14),
        ("<think>2+3=5\n", FIRST, "2+3=5", 13),
        (" <think>\n2+3=5\n", FIRST, "2+3=5", 15),
    ],
)
def test_a_line_ends_where_lines_end_and_a_mark_that_closes_belongs_to_it(
    response: str, task: Task, action: str, end: int
) -> None:
    assert read(response, task) == Reading(action, end)


@pytest.mark.parametrize(
    ("response", "task", "ended", "fault"),
    [
        ("<answer>24</answer>", FIRST, True, "does not begin with <think>"),
        ("2+3=5\n", FIRST, False, "does not begin with <think>"),
        ("5*5=2", MIDDLE, False, "cut before the step ends"),
        ("5*5=25", MIDDLE, True, "ends before the step does"),
        ("", MIDDLE, True, "ends before the step does"),
        ("x" * MOST_CHARACTERS + "y\n", MIDDLE, False, "longer than 8,192 characters"),
    ],
)
def test_a_step_that_is_not_whole_is_a_format_failure(response: str, task: Task, ended: bool, fault: str) -> None:
    found = read(response, task, ended)
    assert (found.action, found.fault) == (None, fault)


def test_what_a_solution_ends_with_may_end_the_response() -> None:
    assert read("24", LAST, True).action == "24"
    assert read("24", LAST, False).fault == "cut before the step ends"


@pytest.mark.parametrize(
    ("rule", "response", "action", "end"),
    [
        ({"rule": "paragraph"}, "So a\nand b.\n\nNext", "So a\nand b.", 13),
        ({"rule": "numbered"}, "2. **B** b\nb\n3. **C** c", "2. **B** b\nb", 13),
        ({"rule": "numbered", "title": True}, " b\n3. **C** c", "b", 3),
        ({"rule": "tool_call"}, "Let me see. <tool_call>ls</tool_call> so", "<tool_call>ls</tool_call>", 37),
        ({"rule": "regex", "pattern": ";"}, "b;c", "b", 2),
        ({"rule": "regex", "pattern": "then|;"}, "b</think>", "b</think>", 9),
    ],
)
def test_other_rules_have_other_ends(rule: dict[str, Any], response: str, action: str, end: int) -> None:
    assert read(response, steps=rule) == Reading(action, end)


@pytest.mark.parametrize(
    ("response", "task", "action", "end"),
    [
        ("verify 5-3=2\n5*5=25\n25-1", MIDDLE, "5*5=25", 20),
        ("Let me check 5.\n\nverify it\n5*5=25</think>", MIDDLE, "5*5=25</think>", 41),
        ("<think>verify 2\n2+3=5\n", FIRST, "2+3=5", 22),
        ("5*5=25\nverify 25/5=5\n", MIDDLE, "5*5=25", 7),
        ("checked it\n", MIDDLE, "checked it", 11),
        ("verify 5-3=2\n", replace(MIDDLE, target="verify 5-2=3"), "verify 5-3=2", 13),
        ("verify 5-3=2</think>", MIDDLE, "verify 5-3=2</think>", 20),
    ],
)
def test_checks_before_the_step_are_read_over_as_a_monologue_where_that_is_asked_for(
    response: str, task: Task, action: str, end: int
) -> None:
    assert read(response, task, checking="aside") == Reading(action, end)
    line = response.strip().removeprefix("<think>").split("\n")[0]
    assert read(response, task).action == line, "else they are the step"


def test_a_response_that_only_checks_has_no_step() -> None:
    assert read("verify 5-3=2\nverify 1", checking="aside").fault == "cut before the step ends"
    assert read("verify 5-3=2\n", ended=True, checking="aside").action is None
    paragraph = {"rule": "paragraph"}
    assert read("verify a\nb\n\nSo c.\n\n", steps=paragraph, checking="aside").action == "So c."
    numbered = read("1. **Check** b\n2. **C** c", steps={"rule": "numbered"}, checking="aside")
    assert numbered.action == "1. **Check** b", "of other rules a check is a step with a mark of its own"


def test_a_pattern_that_would_take_for_ever_on_a_response_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("training.srl.reading.PATTERN_SECONDS", 0.05)
    found = read("a" * 5000, steps={"rule": "regex", "pattern": r"(a|a)+(a|aa)+b"})
    assert found.fault == "the pattern takes too long on it"


def test_a_call_must_have_been_opened() -> None:
    assert read("ls</tool_call>", steps={"rule": "tool_call"}).fault == "says nothing before the step ends"


def test_the_papers_form_is_read_as_ever() -> None:
    assert read("<think>hm</think> b ", format="think_action").action == "b"
    assert read("b\n", format="think_action").fault == NOT_THE_FORM


def test_a_whole_solution_counts_once_it_has_ended() -> None:
    assert read("<think>a</think>", ended=True, granularity="solution").action == "<think>a</think>"
    assert read("<think>a</think>", granularity="solution").fault == "cut before the solution ends"


@pytest.mark.parametrize(
    ("rule", "token", "stops"),
    [
        ("line", ".\n", True),
        ("line", "</think>", True),
        ("line", "<think>", False),
        ("paragraph", "\n", False),
        ("paragraph", ".\n\n", True),
        ("tool_call", "</tool_call>", True),
        ("numbered", "\n", False),
        ("regex", ";", False),
    ],
)
def test_sampling_ends_at_tokens_that_end_a_step_wherever_they_stand(rule: str, token: str, stops: bool) -> None:
    steps = SrlMethod.model_validate({"steps": {"rule": rule, "pattern": ";"}}).steps
    assert may_stop(steps, token) is stops
