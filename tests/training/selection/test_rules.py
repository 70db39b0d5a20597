"""What selections keep and why the rest is left out."""

import pytest

from training.config import NotAlwaysSolved, PassRate, RejectionSampling
from training.problems.types import Problem
from training.selection import rules
from training.selection.asking import Answers, Response
from training.selection.rules import by_answers, filter_reason, rate_reason


def problems(count: int) -> list[Problem]:
    return [Problem(f"p{i}", f"{i}=?", str(i), "by the book", "train", "easy") for i in range(count)]


@pytest.mark.parametrize(
    ("at_least", "at_most", "samples", "kept"),
    [
        (0, 0.25, 4, [0, 1]),  # DeepSearch
        (0.125, 0.875, 8, [1, 2, 3, 4, 5, 6, 7]),
        (0, 0, 4, [0]),
        (1, 1, 4, [4]),
        (0.29, 0.29, 100, [29]),  # 0.29 * 100 is a little less than 29
    ],
)
def test_a_pass_rate_keeps_its_own_bounds(at_least: float, at_most: float, samples: int, kept: list[int]) -> None:
    selection = PassRate(at_least=at_least, at_most=at_most, samples=samples)
    assert [right for right in range(samples + 1) if not rate_reason(selection, right)] == kept


def test_what_is_always_solved_is_left_out_and_nothing_else() -> None:
    kept = by_answers(NotAlwaysSolved(samples=2), problems(3), [Answers(right, 9) for right in (0, 1, 2)])
    assert [problem.id for problem in kept.problems] == ["p0", "p1"]
    assert kept.reasons == ["", "", rules.ALWAYS]
    assert kept.dropped == {rules.ALWAYS: 1}


WORKED = "<think>1+1=2</think><answer>2</answer>"
GARBLED = "<think>" + "1+1=2\n" * 40


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        (WORKED, ""),
        (GARBLED, rules.GARBAGE),
        ("<think>so 因为</think><answer>2</answer>", rules.MIXED),
        ("<think>ok</think>" + " ".join(map(str, range(40))), rules.LONG),
        ("<think>\n```python\n1\n```</think>", rules.CODE),
        ("<think>1</think>\n```\n2\n```", ""),  # an answer may hold code
    ],
)
def test_filters_say_why_a_right_response_is_not_imitated(text: str, reason: str) -> None:
    assert filter_reason(RejectionSampling(longest_paragraph=80, no_code=True), text) == reason


def test_filters_can_be_switched_off() -> None:
    off = RejectionSampling(one_script=False, no_repetition=False)
    assert filter_reason(off, GARBLED + " so 因为 " + "long " * 99) == ""


def test_right_responses_become_solutions_and_each_that_does_not_is_counted() -> None:
    long, short = Response("<think>1+1=2</think><answer>2</answer>", 9), Response("<answer>2</answer>", 3)
    spoilt = Response(GARBLED, 90)
    answers = [
        Answers(right=5, tokens=200, found=(short, long, short, spoilt)),  # one more was cut
        Answers(right=0, tokens=20),
        Answers(right=1, tokens=90, found=(spoilt,)),
    ]
    kept = by_answers(RejectionSampling(prefer="longest"), problems(3), answers)
    assert [(problem.id, problem.solution) for problem in kept.problems] == [("p0", long.text)]
    assert kept.reasons == ["", rules.UNSOLVED, rules.ALL_FILTERED]
    assert kept.filtered == {rules.CUT: 1, rules.TWICE: 1, rules.GARBAGE: 2, rules.SURPLUS: 1}


@pytest.mark.parametrize(("prefer", "lengths"), [("drawn", [5, 9]), ("longest", [9, 7]), ("shortest", [3, 5])])
def test_several_are_kept_by_preference(prefer: str, lengths: list[int]) -> None:
    found = tuple(Response(f"<answer>{length}</answer>", length) for length in (5, 9, 3, 7))
    selection = RejectionSampling.model_validate({"prefer": prefer, "keep": 2})
    kept = by_answers(selection, problems(1), [Answers(4, 24, found)])
    assert [problem.solution for problem in kept.problems] == [f"<answer>{length}</answer>" for length in lengths]
