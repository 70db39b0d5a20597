"""Answers on which the released DeepSearch verifier was tried: where ours agrees, and where it is right to differ.

The released one compares normalised strings in the last 300 characters of prompt and response; ours compares values,
and reads the response only.
"""

from collections.abc import Iterator

import pytest

from training.rewards import Verifier


@pytest.fixture(scope="module")
def verifier() -> Iterator[Verifier]:
    with Verifier(workers=1, timeout_s=10.0) as made:
        yield made


@pytest.mark.parametrize(
    ("response", "reference"),
    [
        (r"\boxed{\frac12}", r"\frac{1}{2}"),
        (r"\boxed{\text{Yes}}", "Yes"),
        (r"\boxed{10,000}", "10000"),
        (r"\boxed{x=5}", "5"),
        (r"\boxed{90^\circ}", "90"),
        (r"first \boxed{3}, no: \boxed{4}", "4"),
    ],
)
def test_it_finds_right_what_the_released_one_does(verifier: Verifier, response: str, reference: str) -> None:
    assert verifier.verify([(response, reference)])[0].correct is True


@pytest.mark.parametrize(
    ("response", "reference", "correct"),
    [
        (r"\boxed{0.5}", "1/2", True),
        (r"\boxed{4}" + " so that is it" * 30, "4", True),
        (r"\boxed{1,2}", "12", False),
        (r"\boxed{3} and then \boxed{4", "4", False),
    ],
    ids=["equal values", "far from the end", "a pair is no number", "unclosed"],
)
def test_it_goes_by_values_not_by_strings(verifier: Verifier, response: str, reference: str, correct: bool) -> None:
    assert verifier.verify([(response, reference)])[0].correct is correct


def test_the_prompts_own_box_is_never_taken_for_an_answer(verifier: Verifier) -> None:
    verdict = verifier.verify([("I do not know", "4")])[0]
    assert verdict.correct is False
    assert verdict.extracted is None
