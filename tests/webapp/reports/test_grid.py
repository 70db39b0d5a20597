"""The table of a grid's settings: exact figures, of runs that have ended, best first; drawn arms of many."""

import csv
import io

import pytest
from scipy import stats

from tests.webapp.runs.pages.made import add_figures
from training.config import RunConfig
from webapp.reports.built import Built, build
from webapp.reports.catalogue import Known, find
from webapp.reports.definition import Arm, Definition
from webapp.reports.drawing import style_of
from webapp.reports.exports.markdown import report_markdown
from webapp.reports.exports.tables import results_csv
from webapp.reports.grid import first_drawn, grid_rows
from webapp.reports.sweeps.plan import plan_sweep
from webapp.reports.sweeps.reading import read_axes
from webapp.reports.sweeps.services import start_sweep
from webapp.runs.models import Run
from webapp.runs.status import RunStatus

pytestmark = pytest.mark.django_db
RATE = "optimisation.learning_rate"
FINALS = {1e-4: (0.30, 0.36, 0.33), 3e-4: (0.50, 0.44, 0.59), 1e-3: (0.20, 0.22, 0.90)}


def swept(unfinished: tuple[float, int] | None = None, metric: str = "heldout/pass_at_1") -> Built:
    """Three learning rates over three seeds that have ended, all but one perhaps."""
    report = start_sweep(plan_sweep(RunConfig(steps=10), read_axes([(RATE, "1e-4, 3e-4, 1e-3")]), (0, 1, 2)))
    for run in Run.objects.all():
        rate, seed = run.config["optimisation"]["learning_rate"], run.config["seed"]
        add_figures(run, {metric: [0.1, 0.2, FINALS[rate][seed]]}, first=0, every=5)
        status = RunStatus.RUNNING if (rate, seed) == unfinished else RunStatus.SUCCEEDED
        Run.objects.filter(pk=run.pk).update(status=status, step=10)
    known = find(report.slug)
    assert known is not None
    return build(known)


def test_means_intervals_and_differences_are_those_of_scipy() -> None:
    rows = grid_rows(swept())
    assert [row.values for row in rows] == [["0.0003"], ["0.001"], ["0.0001"]]
    assert [(row.is_best, row.is_base) for row in rows] == [(True, False), (False, False), (False, True)]
    for row in rows:
        values = FINALS[row.arm.overrides[RATE]]
        assert row.final is not None
        assert row.final.mean == pytest.approx(sum(values) / 3)
        expected = stats.t.interval(0.95, 2, loc=sum(values) / 3, scale=stats.sem(values))
        assert row.final.interval == pytest.approx(expected)
        if not row.is_base:
            assert row.difference is not None
            welch = stats.ttest_ind(values, FINALS[1e-4], equal_var=False).confidence_interval(0.95)
            assert row.difference.interval == pytest.approx((welch.low, welch.high))


def test_figures_are_of_runs_that_have_ended_and_the_table_says_how_many() -> None:
    built = swept(unfinished=(3e-4, 2))
    rows = {row.arm.overrides[RATE]: row for row in grid_rows(built)}
    assert rows[3e-4].seeds == "2 of 3, 1 on its way"
    assert rows[3e-4].final is not None
    assert rows[3e-4].final.values == (0.50, 0.44)
    assert not rows[3e-4].is_best  # others have a seed more
    assert rows[1e-3].is_best
    Run.objects.filter(status=RunStatus.RUNNING).update(status=RunStatus.FAILED)
    known = find(built.definition.name)
    assert known is not None
    assert "2 of 3, 1 ended early" in [row.seeds for row in grid_rows(build(known))]


def test_where_less_is_better_the_least_is_best() -> None:
    built = swept()
    loss = built.definition.model_copy(update={"metrics": ("heldout/loss",)})
    for run in Run.objects.all():
        rate, seed = run.config["optimisation"]["learning_rate"], run.config["seed"]
        add_figures(run, {"heldout/loss": [1.0, 0.5, FINALS[rate][seed]]}, first=0, every=5)
    rows = grid_rows(build(Known(loss, built.known.report, False)))
    assert [row.values for row in rows] == [["0.0001"], ["0.001"], ["0.0003"]]
    assert rows[0].is_best


def test_files_hold_the_settings() -> None:
    built = swept()
    rows = list(csv.DictReader(io.StringIO(results_csv(built))))
    assert [(row[RATE], row["final_mean"]) for row in rows] == [
        ("0.0001", "0.33"), ("0.0003", "0.51"), ("0.001", "0.44"),
    ]  # fmt: skip
    text = report_markdown(built)
    assert "## Settings" in text
    assert "| 0.0003 | 3 of 3 |" in text


def test_of_many_arms_the_best_and_the_baseline_are_drawn_first() -> None:
    arms = tuple(Arm(slug=f"a{number}", title=f"a{number}") for number in range(20))
    built = build(Known(Definition(name="many", title="Many", arms=arms, baseline="a15"), None, False))
    assert first_drawn(built, 8) == {"a15", "a0", "a1", "a2", "a3", "a4", "a5", "a6"}
    assert first_drawn(swept(), 8) == {"learning-rate-0-0001", "learning-rate-0-0003", "learning-rate-0-001"}
    assert len({style_of(place) for place in range(64)}) == 64
