"""Diffs are exact, put nothing in and leave nothing out, and answer at once however long the texts."""

import random
import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from webapp.inspection.differences import Difference, difference, words_of

PIECES = st.lists(st.sampled_from(["a", "b", " ", "12"]), max_size=12)


def sides(found: Difference) -> tuple[str, str]:
    left = "".join(block.left for block in found.blocks) + found.left_rest
    return left, "".join(block.right for block in found.blocks) + found.right_rest


def longest_common_subsequence(left: list[str], right: list[str]) -> int:
    row = [0] * (len(right) + 1)
    for a in left:
        previous = row[:]
        for place, b in enumerate(right):
            row[place + 1] = previous[place] + 1 if a == b else max(previous[place + 1], row[place])
    return row[-1]


@given(PIECES, PIECES, st.integers(1, 15))
@settings(max_examples=150, deadline=None)
def test_blocks_put_together_are_both_texts_and_equal_ones_are_equal(
    left: list[str], right: list[str], most: int
) -> None:
    found = difference(left, right, most)
    assert sides(found) == ("".join(left), "".join(right))
    assert all(block.left == block.right for block in found.blocks if block.kind == "equal")
    assert found.equal_pieces <= longest_common_subsequence(left, right)
    assert left[: found.shared_start] == right[: found.shared_start]
    beyond = left[found.shared_start : found.shared_start + 1], right[found.shared_start : found.shared_start + 1]
    assert beyond[0] != beyond[1] or beyond == ([], [])


def test_a_single_changed_number_is_the_only_difference() -> None:
    found = difference(words_of("<think>3+4=7</think> so 7"), words_of("<think>3+4=8</think> so 7"))
    assert [(block.left, block.right) for block in found.blocks if block.kind == "different"] == [("7", "8")]
    assert found.shared_start == 5
    assert found.similarity == pytest.approx(10 / 11)


def test_common_words_are_compared_too() -> None:
    """With difflib's autojunk, pieces that make up over 1 % of 200 or more would be taken for noise."""
    left, right = ["x", *["a"] * 300], [*["a"] * 300, "y"]
    assert difference(left, right).equal_pieces == 300


def test_the_same_text_has_no_difference() -> None:
    found = difference(["a", "b"], ["a", "b"])
    assert found.similarity == 1
    assert [block.kind for block in found.blocks] == ["equal"]
    assert difference([], []).blocks == []


def test_endless_texts_are_compared_as_far_as_can_be_done_at_once() -> None:
    draw = random.Random(0)
    left, right = ([draw.choice("ab") for _ in range(50_000)] for _ in range(2))
    started = time.process_time()
    found = difference(left, right)
    assert time.process_time() - started < 5
    assert sides(found) == ("".join(left), "".join(right))
    assert len(found.left_rest) > 40_000
