"""The answers that a model itself puts forward, turn by turn."""

import time

import pytest

from training.rewards.answers import answer_tags, last_answer
from training.rewards.verifier import Verifier


@pytest.mark.parametrize(
    ("turns", "answer"),
    [
        (["<answer>7</answer>"], "<answer>7</answer>"),
        (["<answer>1</answer><answer>2</answer>", "so"], "<answer>2</answer>"),
        (["<answer>1</answer>", "<answer>\n2\n</answer> then"], "<answer>\n2\n</answer>"),
        (["<answer>1</answer>", "<answer></answer>"], "<answer></answer>"),
        (["<answer>1<answer>2</answer>"], "<answer>2</answer>"),
        (["<answer>1", "2</answer>"], ""),
        ([r"\boxed{7}"], ""),
        (["</answer>7<answer>"], ""),
        ([], ""),
    ],
)
def test_the_last_whole_answer_of_one_turn_counts(turns: list[str], answer: str) -> None:
    assert last_answer(turns) == answer


def test_opened_answers_are_counted() -> None:
    assert [answer_tags(text) for text in ("", "<answer>", "<answer>1</answer><answer>2", "</answer>")] == [0, 1, 2, 0]


def test_hostile_nesting_costs_no_more_than_its_length() -> None:
    began = time.perf_counter()
    last_answer(["<answer>" * 50_000, "</answer>" * 50_000, "<answer>x</answer>" * 10_000])
    assert time.perf_counter() - began < 2


@pytest.mark.parametrize(
    ("turns", "correct"),
    [
        ([r"<answer>\boxed{7}</answer>"], True),
        (["<answer>7</answer>"], True),
        ([r"\boxed{7} <answer>8</answer>"], False),
        ([r"\boxed{7}"], False),
        ([r"<answer>\boxed{7}</answer><answer></answer>"], False),
    ],
)
def test_a_right_box_is_paid_inside_the_answer_only(turns: list[str], correct: bool) -> None:
    with Verifier(workers=1) as verifier:
        [verdict] = verifier.verify([(last_answer(turns), "7")])
    assert (verdict.correct is True) == correct
