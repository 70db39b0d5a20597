"""What looks equal to the reference, and what does not."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from webapp.evals.near_misses import near_miss


@pytest.mark.parametrize(
    ("extracted", "reference", "said"),
    [
        ("\\frac{1}{2}", "1/2", "markup"),
        ("\\dfrac12", "\\frac{1}{2}", "markup"),
        (" X ", "x", "case"),
        ("(57)", "57", "markup"),
        ("90^\\circ", "90", "markup"),
        ("1,050", "1050", "markup"),
        ("0.5", "1/2", "number"),
        ("50%", "0.5", "number"),
        ("57.0", "57", "number"),
        ("x = 57", "57", "equals sign"),
        ("x=57.00", "57", "equals sign"),
        ("2, 1", "1,2", "order"),
        ("57 apples", "57", "no other number"),
        ("the answer is 57", "57", "no other number"),
        ("definitely yes", "yes", "no other number"),
    ],
)
def test_it_says_why_an_answer_looks_equal(extracted: str, reference: str, said: str) -> None:
    assert said in near_miss(extracted, reference)


@pytest.mark.parametrize(
    ("extracted", "reference"),
    [
        ("58", "57"), ("3+4*7", "7"), ("157", "57"), ("57.5", "57"), ("5 or 57", "57"), (None, "57"), ("", "57"),
        ("57", ""), ("1/0", "57"), ("-57", "57"), ("yesterday", "yes"), ("1" * 500, "1"), ("12", "21"), ("x", "y"),
    ],
)  # fmt: skip
def test_other_answers_are_left_alone(extracted: str | None, reference: str) -> None:
    assert near_miss(extracted, reference) == ""


@given(st.text(max_size=60), st.text(max_size=60))
def test_no_text_breaks_the_rules(extracted: str, reference: str) -> None:
    assert isinstance(near_miss(extracted, reference), str)
