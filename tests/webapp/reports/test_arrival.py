"""What it takes to get to a plateau, on curves whose answers are known."""

import numpy as np
import pytest

from webapp.reports.arrival import Target, arrival_of, ratio_of, target_of
from webapp.reports.statistics import Curve, curve_of


def rising(pace: float, *, top: float = 0.6, noise: float = 0.0, seed: int = 0, cost: float = 1.0) -> Curve:
    """From 0 to ``top`` over 400 steps, each of which costs so much."""
    steps = np.arange(0, 401, 4)
    draw = np.random.default_rng(seed)
    return curve_of(steps * cost, top * (1 - np.exp(-steps / pace)) + draw.normal(0, noise, len(steps)))


def test_the_level_is_95_percent_of_the_way_to_the_plateau() -> None:
    target = target_of([rising(20), rising(20, top=0.8)])
    assert target is not None
    assert target.level == pytest.approx(0.95 * 0.7, abs=0.002)
    assert target_of([curve_of([0, 1], [0, 1])]) is None


def test_the_place_is_where_the_formula_says_but_for_the_smoothing() -> None:
    found = arrival_of([rising(20)], Target(0.3, 0.0))
    assert found is not None
    assert found.place is not None
    assert 20 * np.log(2) <= found.place <= 20 * np.log(2) + 3 * 4  # three points back


def test_seeds_below_the_mean_do_not_keep_the_mean_from_arriving() -> None:
    curves = [rising(20, top=0.5), rising(20, top=0.6), rising(20, top=0.7)]
    target = target_of(curves)
    assert target is not None
    found = arrival_of(curves, target)
    assert found is not None
    assert found.place is not None
    assert (found.seeds[0], len(found.arrived)) == (None, 2)


def test_an_arm_that_stays_below_never_arrives() -> None:
    found = arrival_of([rising(20, top=0.2)] * 2, Target(0.5, 0.01))
    assert found is not None
    assert (found.place, found.seeds) == (None, (None, None))
    assert arrival_of([curve_of([], [])], Target(0.5, 0.01)) is None


def test_a_curve_that_falls_back_has_not_arrived_until_it_stays() -> None:
    ys = [0, 1, 1, 1, 1, 0, 0, 0, 1, 1, 1, 1, 1]
    found = arrival_of([curve_of(range(len(ys)), ys)], Target(0.9, 0.01))
    assert found is not None
    assert found.place == 10  # from 8 on, smoothed over three points


def test_an_arm_four_times_as_fast_by_tokens_has_a_ratio_of_about_a_quarter() -> None:
    base = [rising(40, noise=0.01, seed=seed) for seed in range(3)]
    base_tokens = [rising(40, noise=0.01, seed=seed, cost=1000) for seed in range(3)]
    ours = [rising(10, noise=0.01, seed=seed + 9, cost=1000) for seed in range(3)]
    found = ratio_of(ours, base_tokens, base)
    assert found is not None
    assert found.value == pytest.approx(0.27, abs=0.06)
    assert found.range is not None
    assert found.range[0] <= found.value <= found.range[1]


def test_a_ratio_to_itself_is_one_and_a_single_seed_has_no_range() -> None:
    curve = rising(20)
    found = ratio_of([curve], [curve], [curve])
    assert found is not None
    assert (found.value, found.range) == (1.0, None)


def test_without_arrival_or_effort_there_is_no_ratio() -> None:
    flat = curve_of(range(40), [0.5] * 40)
    assert ratio_of([rising(20)], [flat], [flat]) is None  # it was there from the begin
    low = rising(20, top=0.1)
    assert ratio_of([low], [rising(20)], [rising(20)]) is None
    assert ratio_of([], [rising(20)], [rising(20)]) is None


def test_a_baseline_that_does_not_rise_clear_of_noise_sets_no_level() -> None:
    draw = np.random.default_rng(3)
    assert target_of([curve_of(range(40), 0.25 + draw.normal(0, 0.05, 40)) for _ in range(2)]) is None


def test_seeds_that_do_not_agree_that_there_is_a_gain_set_no_level() -> None:
    rises, rests = curve_of(range(12), [0.25] * 6 + [0.31] * 6), curve_of(range(12), [0.19] * 12)
    assert target_of([rises, rests]) is None
    assert target_of([rises]) is not None
