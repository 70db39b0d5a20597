"""Curves at the resolution a chart can show, against sums over the points themselves."""

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.webapp.runs.pages.made import add_figures, make_run
from webapp.runs import series
from webapp.runs.models import ROLLUP_LEVELS

pytestmark = pytest.mark.django_db
NAN_STEP = 40


@given(st.integers(0, 10_000_000), st.integers(0, 10_000_000), st.integers(64, 2000))
def test_the_finest_level_that_fits_is_chosen(first: int, length: int, most: int) -> None:
    level = series.level_for(first, first + length, most)
    counts = {each: (length >> each) + 1 for each in (0, *ROLLUP_LEVELS)}
    assert counts[level] <= most or level == ROLLUP_LEVELS[-1]
    assert all(count > most for each, count in counts.items() if each < level)


def test_points_come_back_in_order_with_gaps_where_a_value_was_not_finite() -> None:
    run = make_run()
    add_figures(run, {"optim/loss": [3.0, float("nan"), 1.0], "reward/mean": [0.0, 0.5, 1.0]})
    curves = series.read([run.pk], ["optim/loss", "reward/mean", "no/such"])
    assert set(curves) == {(run.pk, "optim/loss"), (run.pk, "reward/mean")}
    loss = curves[run.pk, "optim/loss"]
    assert loss.steps == [1, 2, 3]
    assert loss.values == [3.0, None, 1.0]
    assert loss.as_json() == {"steps": [1, 2, 3], "values": [3.0, None, 1.0]}


def test_a_window_of_steps_holds_its_ends_and_nothing_else() -> None:
    run = make_run()
    add_figures(run, {"optim/loss": [float(step) for step in range(1, 101)]})
    curve = series.read([run.pk], ["optim/loss"], first=20, last=30)[run.pk, "optim/loss"]
    assert curve.steps == list(range(20, 31))


@pytest.mark.parametrize("level", ROLLUP_LEVELS[:2])
def test_a_coarse_curve_has_the_mean_and_the_extremes_of_its_bins(level: int) -> None:
    draw = random.Random(level)
    values: list[float | None] = [draw.gauss(0, 1) for _ in range(700)]
    values[NAN_STEP] = None
    run = make_run()
    add_figures(run, {"optim/loss": values}, first=0)
    curve = series.read([run.pk], ["optim/loss"], level=level)[run.pk, "optim/loss"]
    bins = [[v for v in values[start : start + 2**level] if v is not None] for start in range(0, 700, 2**level)]
    assert curve.steps == [min(start + 2**level, 700) - 1 for start in range(0, 700, 2**level)]
    assert curve.values == pytest.approx([sum(each) / len(each) for each in bins], rel=1e-5, abs=1e-6)
    assert curve.low == pytest.approx([min(each) for each in bins], rel=1e-6)
    assert curve.high == pytest.approx([max(each) for each in bins], rel=1e-6)


def test_of_a_counter_the_last_value_of_a_bin_counts() -> None:
    run = make_run()
    add_figures(run, {"tokens/total": [100.0 * step for step in range(1, 65)]})
    curve = series.read([run.pk], ["tokens/total"], level=4)[run.pk, "tokens/total"]
    assert list(zip(curve.steps, curve.values, strict=True)) == [
        (15, 1500.0), (31, 3100.0), (47, 4700.0), (63, 6300.0), (64, 6400.0),
    ]  # fmt: skip
    assert curve.low == []


@pytest.mark.parametrize("level", [0, 4])
def test_totals_add_several_metrics(level: int) -> None:
    run, other = make_run(), make_run()
    add_figures(run, {"time/step_s": [1.0] * 40, "time/saving_s": [0.5] * 40}, first=0)
    add_figures(other, {"time/step_s": [9.0] * 2}, first=0)
    total = series.totals([run.pk, other.pk], ["time/step_s", "time/saving_s"], level=level)
    assert sum(filter(None, total[run.pk].values)) == pytest.approx(60.0)
    assert total[run.pk].values[0] == pytest.approx(1.5 * 2**level)
    assert sum(filter(None, total[other.pk].values)) == pytest.approx(18.0)


def test_extents_are_those_of_all_points() -> None:
    draw = random.Random(7)
    values = [draw.uniform(-5, 5) for _ in range(5000)]
    run = make_run()
    add_figures(run, {"reward/mean": values})
    extent = series.extents([run.pk], ["reward/mean"])[run.pk, "reward/mean"]
    assert (extent.lowest, extent.highest) == (min(values), max(values))
