"""Figures over seeds, on curves whose answers are known."""

from itertools import pairwise

import numpy as np
import pytest

from webapp.reports.quantiles import t975
from webapp.reports.statistics import (
    Curve,
    common_places,
    curve_of,
    difference_of,
    first_reached,
    last_part,
    mean_curve,
    plateau_of,
    smoothed,
    spread_of,
    value_at,
)


def saturating(seed: int, *, noise: float) -> Curve:
    """Rises to 0.6."""
    xs = np.arange(0, 151, 5)
    draw = np.random.default_rng(seed)
    return curve_of(xs, 0.6 * (1 - np.exp(-xs / 30)) + draw.normal(0, noise, len(xs)))


@pytest.mark.parametrize(
    ("freedom", "value"), [(1, 12.706), (2, 4.303), (10, 2.228), (30, 2.042), (60, 2.0003), (1e9, 1.95996)]
)
def test_quantiles_of_t_are_those_of_the_tables(freedom: float, value: float) -> None:
    assert t975(freedom) == pytest.approx(value, abs=6e-4)


def test_quantiles_between_whole_degrees_fall_steadily() -> None:
    values = [t975(freedom) for freedom in np.arange(1, 40, 0.25)]
    assert all(a >= b for a, b in pairwise(values))
    assert t975(3) < t975(2.5) < t975(2)


def test_a_curve_is_put_in_order_without_what_is_not_finite_and_of_equal_places_keeps_the_last() -> None:
    curve = curve_of([3, 1, 2, 2, 4, 5], [30, 10, 20, 21, None, float("nan")])
    assert curve.xs.tolist() == [1, 2, 3]
    assert curve.ys.tolist() == [10, 21, 30]
    assert curve_of([1, 2, 3], [1, 2, 3], until=2).xs.tolist() == [1, 2]
    assert not curve_of([], [])


def test_between_points_the_earlier_value_holds() -> None:
    curve = curve_of([10, 20], [1.0, 2.0])
    assert [value_at(curve, x) for x in (9, 10, 19.9, 20, 99)] == [None, 1.0, 1.0, 2.0, 2.0]


def test_three_seeds_have_mean_range_and_the_t_interval() -> None:
    spread = spread_of([0.5, 0.6, 0.7])
    assert spread is not None
    assert (spread.n, spread.mean, spread.low, spread.high) == (3, pytest.approx(0.6), 0.5, 0.7)
    assert spread.interval == pytest.approx((0.6 - 4.302653 * 0.1 / 3**0.5, 0.6 + 4.302653 * 0.1 / 3**0.5))


def test_one_seed_has_no_interval_and_none_has_nothing() -> None:
    spread = spread_of([0.5])
    assert spread is not None
    assert spread.interval is None
    assert spread_of([]) is None


def test_intervals_hold_the_true_mean_about_95_times_in_a_hundred() -> None:
    draw = np.random.default_rng(0)
    held = [s.interval[0] <= 2 <= s.interval[1] for s in (spread_of(list(draw.normal(2, 1, 3))) for _ in range(2000))]  # type: ignore[union-attr,index]
    assert 0.935 < np.mean(held) < 0.965


def test_a_difference_has_welchs_interval() -> None:
    # Worked by hand: means 5 and 2, variances 1 and 4, three values each; df = (5/3)^2 / (1/18 + 16/18) = 2.94.
    found = difference_of([4, 5, 6], [0, 2, 4])
    assert found is not None
    assert found.interval is not None
    assert found.value == 3
    half = (found.interval[1] - found.interval[0]) / 2
    assert half == pytest.approx(t975(2.9412) * (5 / 3) ** 0.5, rel=1e-3)
    assert not found.is_clear
    clear = difference_of([5, 5.1, 5.2], [1, 1.1, 1.2])
    assert clear is not None
    assert clear.is_clear


def test_a_difference_of_single_seeds_has_no_interval() -> None:
    found = difference_of([1.0], [0.5, 0.6])
    assert found is not None
    assert (found.interval, found.is_clear) == (None, False)
    assert difference_of([], [1.0]) is None
    same = difference_of([1, 1], [1, 1])
    assert same is not None
    assert same.interval == (0, 0)


def test_the_mean_curve_ends_where_the_first_seed_ends() -> None:
    mean = mean_curve([curve_of([0, 10, 20], [0, 1, 2]), curve_of([0, 10], [2, 3])])
    assert mean is not None
    assert mean.xs.tolist() == [0, 10]
    assert mean.mean.tolist() == [1, 2]
    assert (mean.low.tolist(), mean.high.tolist(), mean.n) == ([0, 1], [2, 3], 2)
    assert mean.lower is not None
    assert mean.lower[0] == pytest.approx(1 - 12.7062 * 2**0.5 / 2**0.5)


def test_seeds_with_different_tokens_are_met_at_the_latest_known_values() -> None:
    mean = mean_curve([curve_of([0, 100, 200], [0.0, 0.2, 0.4]), curve_of([0, 150, 210], [0.0, 0.4, 0.6])])
    assert mean is not None
    assert mean.xs.tolist() == [0, 100, 150, 200]
    assert mean.mean.tolist() == pytest.approx([0.0, 0.1, 0.3, 0.4])


def test_a_single_seed_is_its_own_mean_without_an_interval() -> None:
    mean = mean_curve([curve_of([0, 1], [3, 4])])
    assert mean is not None
    assert (mean.mean.tolist(), mean.lower, mean.upper) == ([3, 4], None, None)


def test_curves_with_nothing_in_common_have_no_mean() -> None:
    assert mean_curve([]) is None
    assert mean_curve([curve_of([0, 1], [0, 0]), curve_of([], [])]) is None
    assert mean_curve([curve_of([0, 1], [0, 0]), curve_of([2, 3], [0, 0])]) is None


def test_long_curves_are_met_at_evenly_spaced_places() -> None:
    curves = [curve_of(np.arange(5000), np.zeros(5000)) for _ in range(3)]
    places = common_places(curves, most=100)
    assert (len(places), places[0], places[-1]) == (100, 0, 4999)


def test_smoothing_looks_back_only() -> None:
    assert smoothed(np.array([0.0, 3.0, 6.0, 0.0]), 3).tolist() == [0.0, 1.5, 3.0, 3.0]


def test_a_level_is_reached_where_the_smoothed_curve_stays_above_it() -> None:
    curve = curve_of(range(8), [0, 9, 0, 0, 5, 5, 5, 5])
    assert first_reached(curve, 5.0, window=1) == 4  # not at 1: it falls back
    assert first_reached(curve, 5.0, window=3) == 6
    assert first_reached(curve, 5.5, window=1) is None
    assert first_reached(curve_of([], []), 1.0) is None


def test_a_tolerance_forgives_noise_after_the_level_was_reached() -> None:
    curve = curve_of(range(7), [0, 2, 5.1, 4.9, 5.2, 4.8, 5.0])
    assert first_reached(curve, 5.0, window=1) == 6
    assert first_reached(curve, 5.0, tolerance=0.3, window=1) == 2


def test_a_saturating_curve_reaches_a_share_of_its_top_where_the_formula_says() -> None:
    xs = np.arange(0, 400)
    curve = curve_of(xs, 0.6 * (1 - np.exp(-xs / 30)))
    found = first_reached(curve, 0.3, window=1)  # half: at 30 ln 2 = 20.8
    assert found == 21


def test_a_flat_end_is_a_plateau_and_its_level_the_mean_of_the_last_quarter() -> None:
    curves = [saturating(seed, noise=0.02) for seed in range(3)]
    found = plateau_of(curves)
    assert found is not None
    assert found.trend == "flat"
    assert found.level.mean == pytest.approx(0.6, abs=0.02)
    assert found.noise == pytest.approx(0.02, abs=0.01)
    assert found.level.n == 3


def test_an_end_that_still_rises_says_so() -> None:
    steps = np.arange(16)
    curves = [curve_of(10 * steps, steps * 0.05 + np.sin(steps + seed) * 0.01) for seed in (0, 1)]
    found = plateau_of(curves)
    assert found is not None
    assert found.trend == "rising"
    assert found.change == pytest.approx(0.15, abs=0.03)  # three steps of 0.05


def test_seeds_on_different_heights_do_not_hide_a_common_slope() -> None:
    steps = np.arange(16)
    curves = [curve_of(steps, height - steps * 0.01 + np.cos(steps * 3) * 1e-3) for height in (0, 5, 9)]
    found = plateau_of(curves)
    assert found is not None
    assert found.trend == "falling"
    assert found.level.mean == pytest.approx(14 / 3 - 0.135, abs=0.01)


def test_too_few_points_make_no_plateau() -> None:
    assert plateau_of([]) is None
    assert plateau_of([curve_of([0, 10], [0, 1])]) is None


def test_noise_alone_is_called_flat_about_95_times_in_a_hundred() -> None:
    draw = np.random.default_rng(1)
    trends = [plateau_of([curve_of(range(16), draw.normal(0, 1, 16)) for _ in range(3)]) for _ in range(600)]
    assert np.mean([found is not None and found.trend == "flat" for found in trends]) > 0.92


def test_the_last_quarter_goes_by_places_not_by_points() -> None:
    assert last_part(curve_of([0, 1, 2, 3, 75, 100], range(6))).xs.tolist() == [75, 100]
