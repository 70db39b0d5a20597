"""The estimators against brute force, and their intervals against what they promise."""

import itertools
import math
import random
from collections import Counter
from collections.abc import Iterable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from training.algorithms.estimators import (
    bootstrap_interval,
    canonical,
    curve_points,
    doublings,
    majority,
    majority_at_k,
    mcnemar,
    mean_interval,
    pass_at_k,
)


@pytest.mark.parametrize("n", range(1, 9))
def test_pass_at_k_is_the_share_of_all_choices_of_k_that_hold_a_right_answer(n: int) -> None:
    for right, k in itertools.product(range(n + 1), range(1, n + 1)):
        answers = [True] * right + [False] * (n - right)
        choices = list(itertools.combinations(answers, k))
        assert pass_at_k(n, right, k) == pytest.approx(sum(map(any, choices)) / len(choices))


@pytest.mark.parametrize(("k", "value"), [(1, 0.25), (2, 0.45), (4, 0.728022), (8, 0.961538)])
def test_pass_at_k_has_its_published_values(k: int, value: float) -> None:
    assert pass_at_k(16, 4, k) == pytest.approx(value, abs=1e-6)


def test_pass_at_k_is_unbiased() -> None:
    """Its mean over draws of n = 6 from a coin of p = 0.3 is 1 - 0.7^k exactly."""
    for k in (1, 2, 4):
        expected = sum(math.comb(6, c) * 0.3**c * 0.7 ** (6 - c) * pass_at_k(6, c, k) for c in range(7))
        assert expected == pytest.approx(1 - 0.7**k)


@given(n=st.integers(1, 2000), data=st.data())
def test_pass_at_k_grows_with_k_and_stays_a_chance(n: int, data: st.DataObject) -> None:
    right = data.draw(st.integers(0, n))
    k = data.draw(st.integers(1, n))
    value = pass_at_k(n, right, k)
    assert 0 <= value <= 1
    assert k == 1 or value >= pass_at_k(n, right, k - 1) - 1e-12
    assert pass_at_k(n, right, 1) == pytest.approx(right / n)


@pytest.mark.parametrize(("n", "right", "k"), [(4, 5, 1), (4, 1, 5), (4, 1, 0), (4, -1, 1)])
def test_pass_at_k_refuses_what_cannot_be(n: int, right: int, k: int) -> None:
    with pytest.raises(ValueError, match="pass@k needs"):
        pass_at_k(n, right, k)


@pytest.mark.parametrize(
    ("votes", "value"),
    [
        ({("7", True): 3, ("8", False): 2}, 1.0),
        ({("7", True): 2, ("8", False): 3}, 0.0),
        ({("7", True): 2, ("8", False): 2}, 0.5),
        ({("7", True): 1, ("8", False): 1, ("9", False): 1}, 1 / 3),
        ({("7", True): 1, ("7.0", True): 1, ("8", False): 1, ("9", False): 1}, 1.0),
        ({("7", True): 2, ("8", False): 1, ("8.0", False): 1, ("+8", False): 1}, 0.0),
        ({(None, False): 9, ("7", True): 1}, 1.0),
        ({(None, False): 9}, 0.0),
        ({}, 0.0),
    ],
)
def test_the_majority_is_that_of_answers_not_of_spellings(
    votes: dict[tuple[str | None, bool], int], value: float
) -> None:
    assert majority(votes) == pytest.approx(value)


@given(st.lists(st.sampled_from(["7", "8", "9"]), min_size=1, max_size=9))
def test_the_majority_is_what_counting_says(answers: list[str]) -> None:
    counts = Counter(answers)
    winners = [answer for answer, count in counts.items() if count == max(counts.values())]
    expected = ("7" in winners) / len(winners)
    assert majority({(answer, answer == "7"): count for answer, count in counts.items()}) == pytest.approx(expected)


@pytest.mark.parametrize("k", [1, 2, 3, 4, 5])
@pytest.mark.parametrize("answers", ["77889", "7889-", "7----", "77777", "88999", "778-9"])
def test_the_majority_of_k_is_the_mean_over_all_choices_of_k(answers: str, k: int) -> None:
    def votes(chosen: Iterable[str]) -> dict[tuple[str | None, bool], int]:
        return {(None if a == "-" else a, a == "7"): count for a, count in Counter(chosen).items()}

    each = [majority(votes(chosen)) for chosen in itertools.combinations(answers, k)]
    found = majority_at_k(votes(answers), k, draws=20_000)
    assert found == pytest.approx(sum(each) / len(each), abs=0.02 if 1 < k < 5 else 1e-9)


def test_equal_answers_have_one_spelling() -> None:
    assert canonical("1,050.50") == canonical("$1050.5$") == "1050.5"
    assert canonical("Yes.") == canonical("\\text{yes}")
    assert canonical("x") != canonical("X")


def test_a_bootstrap_interval_covers_the_truth_about_as_often_as_it_says_and_is_the_same_each_time() -> None:
    rng = random.Random(1)
    covered = 0
    for _ in range(200):
        found = bootstrap_interval([rng.gauss(0.1, 0.5) for _ in range(60)], rounds=400)
        covered += found.low <= 0.1 <= found.high
    assert 0.89 <= covered / 200 <= 0.99
    values = [rng.random() for _ in range(20)]
    assert bootstrap_interval(values, seed=3) == bootstrap_interval(values, seed=3)


@given(st.lists(st.floats(0, 1), min_size=1, max_size=50))
def test_an_interval_holds_its_mean_and_stays_within_0_and_1(values: list[float]) -> None:
    found = mean_interval(values)
    assert 0 <= found.low <= found.value + 1e-9
    assert found.value - 1e-9 <= found.high <= 1


def test_mcnemar_is_the_exact_binomial_test() -> None:
    assert mcnemar(0, 0) == 1.0
    assert mcnemar(5, 5) == 1.0
    assert mcnemar(0, 6) == pytest.approx(2 / 2**6)
    assert mcnemar(2, 8) == pytest.approx(2 * (1 + 10 + 45) / 2**10)
    assert mcnemar(8, 2) == mcnemar(2, 8)


def test_a_curve_begins_at_1_and_ends_at_n() -> None:
    assert curve_points(4) == [1, 2, 3, 4]
    points = curve_points(1024)
    assert (points[0], points[-1]) == (1, 1024)
    assert len(points) <= 32
    assert points == sorted(set(points))


def test_doublings_end_at_n() -> None:
    assert doublings(1) == [1]
    assert doublings(8) == [1, 2, 4, 8]
    assert doublings(12) == [1, 2, 4, 8, 12]
