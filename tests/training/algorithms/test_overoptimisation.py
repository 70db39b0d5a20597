"""Curves of over-optimisation against the papers' numbers, and the best of n against brute force."""

import itertools
import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from training.algorithms.overoptimisation import (
    GoldCurve,
    Method,
    Peak,
    best_of_n_kl,
    expected_best_of_n,
    fit_gold_curve,
)

METHODS: tuple[Method, ...] = ("best_of_n", "rl")


@pytest.mark.parametrize(
    ("n", "kl"),
    [(1, 0), (2, 0.19315), (4, 0.63629), (16, 1.83509), (64, 3.17451), (256, 4.54908), (1000, 5.90876),
     (60_000, 10.00212)],
)  # fmt: skip
def test_the_best_of_n_is_so_far_from_one_sample(n: int, kl: float) -> None:
    assert best_of_n_kl(n) == pytest.approx(kl, abs=5e-6)


def test_the_kl_of_the_best_of_n_is_that_of_its_distribution() -> None:
    """Of many samples, the one at quantile u is the best of n with density n u^(n-1): E[log(n u^(n-1))]."""
    quantiles = (np.arange(200_000) + 0.5) / 200_000
    density = 5 * quantiles**4
    assert best_of_n_kl(5) == pytest.approx(float((density * np.log(density)).mean()), abs=1e-6)
    with pytest.raises(ValueError, match="does not exist"):
        best_of_n_kl(0)


@pytest.mark.parametrize(
    ("method", "b", "distance", "gold"),
    [("best_of_n", 0.5, 1, 0.5), ("rl", 0.5, 2.718282, 1.359141), ("best_of_n", 0.2, 2.5, 1.25),
     ("rl", 0.2, 54.598150, 10.919630)],
)  # fmt: skip
def test_curves_peak_where_their_slope_is_zero(method: Method, b: float, distance: float, gold: float) -> None:
    curve = GoldCurve(method, 1, b)
    peak = curve.peak()
    assert peak is not None
    assert (peak.distance, peak.gold) == pytest.approx((distance, gold), abs=5e-7)
    assert curve.gold(peak.distance) == pytest.approx(peak.gold)
    assert max(curve.gold(peak.distance * factor) for factor in (0.9, 0.99, 1.01, 1.1)) < peak.gold


def test_curves_start_and_end_at_the_initial_policy() -> None:
    assert [GoldCurve(method, 1, 0.5).gold(0) for method in METHODS] == [0, 0]
    assert GoldCurve("best_of_n", 1, 0.5).gold(2) == pytest.approx(0)
    assert GoldCurve("rl", 1, 0.5).gold(math.e**2) == pytest.approx(0)
    peak = GoldCurve("rl", 1, 0.5).peak()
    assert peak is not None
    assert peak.distance**2 == pytest.approx(7.389, abs=5e-4)
    with pytest.raises(ValueError, match="0 or above"):
        GoldCurve("rl", 1, 0.5).gold(-1)


@pytest.mark.parametrize(
    "curve",
    [GoldCurve("best_of_n", 1, 0), GoldCurve("rl", 1, -0.1), GoldCurve("best_of_n", -1, 0.5), GoldCurve("rl", 1, 1e-3)],
)
def test_curves_without_an_end_in_reach_have_no_peak(curve: GoldCurve) -> None:
    assert curve.peak() is None


def test_a_curve_of_learning_may_peak_early_even_where_it_falls_at_a_distance_of_1() -> None:
    assert GoldCurve("rl", -1, 1).peak() == Peak(math.exp(-2), math.exp(-2))


@given(st.sampled_from(METHODS), st.floats(-3, 3), st.floats(-3, 3), st.lists(st.integers(0, 100), max_size=9))
def test_a_fit_recovers_the_curve_its_points_lie_on(method: Method, a: float, b: float, tenths: list[int]) -> None:
    distances = [0.5, 3.0, *(tenth / 10 for tenth in tenths)]
    curve = GoldCurve(method, a, b)
    found = fit_gold_curve(method, distances, [curve.gold(d) for d in distances])
    assert found.method == method
    assert (found.a, found.b) == pytest.approx((a, b), abs=1e-9)


@pytest.mark.parametrize("method", METHODS)
def test_a_fit_has_the_least_squared_error(method: Method) -> None:
    rng = np.random.default_rng(0)
    distances = rng.uniform(0.1, 5, 20).tolist()
    golds = [GoldCurve(method, 1, 0.3).gold(d) + rng.normal(0, 0.2) for d in distances]

    def error(a: float, b: float) -> float:
        curve = GoldCurve(method, a, b)
        return math.fsum((curve.gold(d) - gold) ** 2 for d, gold in zip(distances, golds, strict=True))

    found = fit_gold_curve(method, distances, golds)
    least = error(found.a, found.b)
    steps = ((0.01, 0), (-0.01, 0), (0, 0.01), (0, -0.01))
    assert all(error(found.a + up, found.b + along) > least for up, along in steps)


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize(
    ("distances", "golds", "message"),
    [
        ([], [], "2 distinct"),
        ([1.5], [1], "2 distinct"),
        ([1.5, 1.5, 0], [1, 2, 0], "got 1"),
        ([1, 2], [1], "2 distances for 1"),
        ([1, math.nan], [1, 2], "finite"),
        ([1, 2], [1, math.inf], "finite"),
        ([1, -2], [1, 2], "0 or above"),
        ([2, math.nextafter(2, 3)], [1, 2], "too near"),
    ],
)
def test_points_that_determine_no_curve_are_refused(
    method: Method, distances: list[float], golds: list[float], message: str
) -> None:
    with pytest.raises(ValueError, match=message):
        fit_gold_curve(method, distances, golds)


def test_distances_whose_squares_vanish_are_refused() -> None:
    with pytest.raises(ValueError, match="too small"):
        fit_gold_curve("best_of_n", [1e-200, 2e-200], [1, 2])


def brute_force(proxies: list[float], golds: list[float], n: int) -> float:
    """Mean gold over all choices of n, where the best by proxy are tied in their mean."""
    means = []
    for chosen in itertools.combinations(range(len(proxies)), n):
        best = max(proxies[place] for place in chosen)
        tied = [golds[place] for place in chosen if proxies[place] == best]
        means.append(sum(tied) / len(tied))
    return sum(means) / len(means)


@settings(deadline=None)
@given(st.lists(st.tuples(st.integers(0, 4), st.floats(-10, 10)), min_size=1, max_size=8))
def test_the_best_of_n_is_the_mean_over_all_choices_of_n(samples: list[tuple[int, float]]) -> None:
    proxies, golds = [float(proxy) for proxy, _ in samples], [gold for _, gold in samples]
    expected = [brute_force(proxies, golds, n) for n in range(1, len(samples) + 1)]
    assert expected_best_of_n(proxies, golds).tolist() == pytest.approx(expected, abs=1e-9)


def test_the_best_of_a_thousand_samples_is_as_exact_as_of_a_few() -> None:
    """Ranks 1 .. N as rewards: the expected maximum of n of them is n (N+1) / (n+1)."""
    ranks = np.random.default_rng(0).permutation(1000) + 1.0
    n = np.arange(1, 1001)
    np.testing.assert_allclose(expected_best_of_n(ranks.tolist(), ranks.tolist()), n * 1001 / (n + 1), rtol=1e-9)


def test_following_a_proxy_that_turns_against_the_gold_shows() -> None:
    proxies = list(range(10))
    golds = [0, 1, 2, 3, 4, 5, 6, 5, 2, -3]
    expected = expected_best_of_n([float(p) for p in proxies], [float(g) for g in golds])
    assert 0 < expected.argmax() < 9
    assert expected[0] == pytest.approx(2.5)
    assert expected[-1] == -3


@pytest.mark.parametrize(
    ("proxies", "golds"), [([], []), ([1.0], [1.0, 2.0]), ([math.nan], [1.0]), ([1.0], [math.inf])]
)
def test_what_are_no_samples_is_refused(proxies: list[float], golds: list[float]) -> None:
    with pytest.raises(ValueError, match="rewards"):
        expected_best_of_n(proxies, golds)
