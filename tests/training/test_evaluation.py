"""The interval of held-out accuracy."""

import random

import pytest

from training.algorithms.estimators import clustered_interval


def test_independent_samples_get_wilsons_interval() -> None:
    """One sample a problem, 20 of 100 right; Wilson's interval computed by hand from z = 1.959964."""
    low, high = clustered_interval([[True]] * 20 + [[False]] * 80)
    assert low == pytest.approx(0.1334, abs=1e-3)
    assert high == pytest.approx(0.2888, abs=1e-3)


def test_samples_of_one_problem_that_agree_count_once() -> None:
    agreeing = clustered_interval([[True] * 16] * 10 + [[False] * 16] * 10)
    single = clustered_interval([[True]] * 10 + [[False]] * 10)
    assert agreeing == pytest.approx(single)


def test_nothing_right_is_not_certainty() -> None:
    low, high = clustered_interval([[False] * 4] * 64)
    assert low == 0
    assert 0.02 < high < 0.1


def test_the_interval_covers_the_truth_about_as_often_as_it_says() -> None:
    rng = random.Random(0)
    covered = 0
    for _ in range(400):
        chances = [rng.betavariate(0.6, 1.4) for _ in range(64)]  # mean 0.3, problems differ a lot
        low, high = clustered_interval([[rng.random() < chance for _ in range(4)] for chance in chances])
        covered += low <= 0.3 <= high
    assert 0.92 <= covered / 400 <= 0.98
