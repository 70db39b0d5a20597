"""Repeated n-grams are counted within their response."""

import numpy as np
import pytest

from training.repetition import repeated_share


@pytest.mark.parametrize(
    ("responses", "share"),
    [
        ([], 0.0),
        ([[1, 2, 3]], 0.0),
        ([[1, 2, 3, 4, 5]], 0.0),
        ([[7] * 8], 4 / 5),
        ([[1, 2, 3, 4, 1, 2, 3, 4]], 1 / 5),
        ([[1, 2, 3, 4], [1, 2, 3, 4]], 0.0),
        ([[7] * 8, [1, 2, 3, 4, 5, 6, 7, 8]], 4 / 10),
    ],
)
def test_the_share_of_sequences_that_stood_before(responses: list[list[int]], share: float) -> None:
    assert repeated_share(responses) == pytest.approx(share)


def test_it_agrees_with_counting_by_hand_on_random_tokens() -> None:
    tokens = np.random.default_rng(0).integers(0, 3, 200).tolist()
    grams = [tuple(tokens[i : i + 4]) for i in range(len(tokens) - 3)]
    assert repeated_share([tokens]) == pytest.approx(1 - len(set(grams)) / len(grams))
