"""Solutions are cut where the rule says, and refused with a reason where it cannot be applied."""

import time

import pytest

from training.problems import Problem
from training.problems.arithmetic import generate
from training.problems.types import DemonstratedTurn
from training.srl import steps
from training.srl.steps import RefusedError, SlowPatternError, Step, compiled, steps_of

NUMBERED = """SOLUTION:
1. **Find the sum** Add the numbers: 2 + 3 = 5.
It is 5.
2. **Square it:** 5^2 = 25.
3. **Answer**: The answer is **25**, by step 2."""


def problem(solution: str | None, turns: tuple[DemonstratedTurn, ...] = ()) -> Problem:
    return Problem("p", "What is (2 + 3)^2?", "25", solution, "train", "easy", turns=turns)


def test_numbered_steps_have_titles_and_actions_of_several_lines() -> None:
    assert steps_of(problem(NUMBERED), "numbered") == [
        Step("Add the numbers: 2 + 3 = 5.\nIt is 5.", "Find the sum", 1),
        Step("5^2 = 25.", "Square it", 2),
        Step("The answer is **25**, by step 2.", "Answer", 3),
    ]


def test_a_step_is_written_as_the_expert_wrote_it() -> None:
    assert steps_of(problem(NUMBERED), "numbered")[1].whole == "2. **Square it** 5^2 = 25."
    assert Step("x = 2").whole == "x = 2"


@pytest.mark.parametrize(
    ("solution", "reason"),
    [
        (None, "no worked solution"),
        (" \n", "no worked solution"),
        ("2 + 3 = 5\n5^2 = 25", "no line begins like"),
        ("1. Find the sum 2 + 3 = 5", "no line begins like"),
        ("Let us see. 1. **Sum** 5", "no line begins like"),
        ("Let us see.\n1. **Sum** 5", "text before the first"),
        ("2. **Square** 25", "step 1 is numbered 2"),
        ("1. **Sum** 5\n3. **Square** 25", "step 2 is numbered 3"),
        ("1. **Sum** 5\n1. **Square** 25", "step 2 is numbered 1"),
        ("1. **Sum**\n2. **Square** 25", "step 1 has a title and no action"),
        ("1. **:** 5", "step 1 has no title"),
        ("1. **Sum** " + "5" * 8193, "step 1 has 8,193 characters"),
    ],
)
def test_numbered_solutions_are_refused_with_a_reason(solution: str | None, reason: str) -> None:
    with pytest.raises(RefusedError, match=reason):
        steps_of(problem(solution), "numbered")


def test_lines_of_gsm8k_and_of_built_in_solutions() -> None:
    gsm8k = "There are 48/2 = <<48/2=24>>24 clips in May.\n\nThat makes 48+24 = 72.\n#### 72"
    assert [step.text for step in steps_of(problem(gsm8k), "line")] == [
        "There are 48/2 = <<48/2=24>>24 clips in May.",
        "That makes 48+24 = 72.",
        "#### 72",
    ]
    built_in = steps_of(problem("<think>2+3=5\n5*5=25</think><answer>25</answer>"), "line")
    assert [(step.number, step.text) for step in built_in] == [(1, "2+3=5"), (2, "5*5=25"), (3, "25")]
    for made in generate("middle", 20, "train", 0):
        assert len(steps_of(made, "line")) == int(made.meta["operations"]) + 1


def test_paragraphs_and_patterns() -> None:
    text = "First\nline.\n \n\nSecond.\n\n"
    assert [step.text for step in steps_of(problem(text), "paragraph")] == ["First\nline.", "Second."]
    assert [step.text for step in steps_of(problem("a; b ;;c"), "regex", ";")] == ["a", "b", "c"]
    with pytest.raises(RefusedError, match="nothing is left"):
        steps_of(problem(";;"), "regex", ";")


@pytest.mark.parametrize(("pattern", "reason"), [("", "needed"), ("(", "no regular expression")])
def test_a_pattern_must_be_one(pattern: str, reason: str) -> None:
    with pytest.raises(ValueError, match=reason):
        compiled(pattern)


def test_a_pattern_that_would_take_for_ever_is_stopped(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(steps, "PATTERN_SECONDS", 0.1)
    began = time.process_time()
    with pytest.raises(SlowPatternError, match=r"more than 0.1 s"):
        steps_of(problem("<think>" + "a" * 60 + "!</think>"), "regex", r"(a|aa)+$|(a|a)*b")
    assert time.process_time() - began < 2


def test_a_solution_cut_too_finely_is_refused() -> None:
    assert len(steps_of(problem("a\n" * steps.MOST_STEPS), "line")) == steps.MOST_STEPS
    with pytest.raises(RefusedError, match="it has 2,000 steps; at most 500 are taken"):
        steps_of(problem("a" * 2000), "regex", "(?=a)")


def test_a_transcript_in_turns_is_cut_by_its_calls_alone() -> None:
    with pytest.raises(RefusedError, match="only its tool calls cut"):
        steps_of(problem(None, (DemonstratedTurn("model", "<tool_call>a</tool_call>"),)), "line")


def test_calls_of_a_transcript_are_steps_and_what_they_return_is_seen() -> None:
    text = "I look first. <function=bash> ls </function>\na.py\nNow edit. <function=edit>x</function> done"
    assert steps_of(problem(text), "tool_call") == [
        Step("<function=bash> ls </function>", number=1, observation="a.py\nNow edit."),
        Step("<function=edit>x</function>", number=2, observation="done"),
    ]
    with pytest.raises(RefusedError, match="calls no tool"):
        steps_of(problem("ls"), "tool_call")


def test_calls_of_a_demonstration_in_turns() -> None:
    turns = (
        DemonstratedTurn("model", "Let me see. <tool_call>ls</tool_call>"),
        DemonstratedTurn("tool", "a.py"),
        DemonstratedTurn("tool", "b.py"),
        DemonstratedTurn("model", "<tool_call>cat a.py</tool_call>"),
        DemonstratedTurn("model", "It is 25."),
    )
    assert steps_of(problem(None, turns), "tool_call") == [
        Step("<tool_call>ls</tool_call>", number=1, observation="a.py\nb.py"),
        Step("<tool_call>cat a.py</tool_call>", number=2),
    ]
    with pytest.raises(RefusedError, match="no turn of it"):
        steps_of(problem(None, turns[-1:]), "tool_call")
