"""Tokens and time as axes, and mean curves, against plain arithmetic."""

import statistics

import pytest

from tests.webapp.runs.pages.made import add_figures, make_run
from webapp.runs.axes import mean_of, read_axis
from webapp.runs.series import Curve


@pytest.mark.django_db
@pytest.mark.parametrize("level", [0, 4])
def test_time_is_the_work_done_up_to_a_step(level: int) -> None:
    run = make_run()
    add_figures(run, {"time/step_s": [0.5] * 64, "time/saving_s": [0.1] * 64}, first=0)
    add_figures(run, {"time/evaluating_s": [2.0, 2.0]}, first=16, every=16)
    axis = read_axis([run.pk], "time", level)[run.pk]
    for step, seconds in zip(axis.steps, axis.values, strict=True):
        evaluations = (step >= 16) + (step >= 32)
        assert seconds == pytest.approx(0.6 * (step + 1) + 2.0 * evaluations)
    assert axis.steps[-1] == 63


@pytest.mark.django_db
def test_tokens_are_those_sampled_so_far() -> None:
    run = make_run()
    add_figures(run, {"tokens/total": [10.0, 30.0, 60.0]})
    assert read_axis([run.pk], "tokens", 0)[run.pk] == Curve([1, 2, 3], [10.0, 30.0, 60.0])


def test_the_mean_curve_lies_between_bands_of_one_sample_deviation() -> None:
    mean = mean_of([
        Curve([1, 2, 3], [1.0, None, 5.0]), Curve([1, 2, 4], [3.0, 4.0, 7.0]), Curve([1, 2], [8.0, 6.0]),
    ])  # fmt: skip
    assert mean.steps == [1, 2, 3, 4]
    assert mean.values == pytest.approx([4.0, 5.0, 5.0, 7.0])
    assert mean.low[0] == pytest.approx(4.0 - statistics.stdev([1.0, 3.0, 8.0]))
    assert mean.high[1] == pytest.approx(5.0 + statistics.stdev([4.0, 6.0]))
    assert mean.low[2:] == mean.high[2:] == [None, None]
