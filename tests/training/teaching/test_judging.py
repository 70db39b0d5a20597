"""What is kept of right answers: not what is too short or long, repeats itself or mixes scripts."""

from collections.abc import Iterator

import pytest

from training.config.teach import SolutionFilters
from training.problems import Problem
from training.rewards.verifier import Verifier
from training.teaching.judging import foreign_share, judge, repeated_words
from training.teaching.lines import Reply, Written, shown_reason

PROBLEM = Problem("p", "What is 2+3?", "5", None, "train", "")


@pytest.fixture(scope="module")
def verifier() -> Iterator[Verifier]:
    with Verifier(workers=1) as made:
        yield made


@pytest.mark.parametrize(
    ("reply", "filters", "expected"),
    [
        (Reply("so \\boxed{5}"), {}, (True, "")),
        (Reply("so \\boxed{6}"), {}, (False, "wrong")),
        (Reply("so 5"), {}, (False, "wrong")),
        (Reply("  "), {}, (None, "empty")),
        (Reply(failed="no answer within 3 s"), {}, (None, "failed")),
        (Reply("\\boxed{5} and", ended=False), {}, (True, "cut_off")),
        (Reply("so \\boxed{5}"), {"least_characters": 20}, (True, "too_short")),
        (Reply("so very, very long \\boxed{5}"), {"most_characters": 20}, (True, "too_long")),
        (Reply("add two and three; " * 4 + "\\boxed{5}"), {"most_repeated": 0.4}, (True, "repetitive")),
        (Reply("add two and three, 所以答案是五 \\boxed{5}"), {"one_script": True}, (True, "mixed_scripts")),
        (Reply("let α be an angle with sin α = 1, then \\boxed{5}"), {"one_script": True}, (True, "")),
    ],
)
def test_what_becomes_of_an_answer(
    verifier: Verifier, reply: Reply, filters: dict[str, object], expected: tuple[bool | None, str]
) -> None:
    correct, refused, reason = judge(reply, PROBLEM, SolutionFilters.model_validate(filters), verifier)
    assert (correct, refused) == expected
    assert reason or refused == "empty"


def test_an_answer_without_a_verdict_is_not_kept(verifier: Verifier) -> None:
    long = Problem("p", "?", "+".join("x" * 600), None, "train", "")
    correct, refused, reason = judge(Reply("\\boxed{x+y}"), long, SolutionFilters(), verifier)
    assert (correct, refused) == (None, "no_verdict")
    assert "longer than 1000 characters" in reason
    line = Written("answer", 0, 0, "", correct, refused, reason, 1, 1, 0.0)
    assert shown_reason(line).startswith("The verifier could not tell: extracted x+y")


def test_shares() -> None:
    assert foreign_share("") == 0 == repeated_words("a b c")
    assert foreign_share("设 x 为 \\frac{1}{2} 的解") == 0  # markup and single letters are no words
    assert foreign_share("one two три") == pytest.approx(1 / 3)
    assert repeated_words("1 2 3 4 1 2 3 4") == pytest.approx(1 / 5)
