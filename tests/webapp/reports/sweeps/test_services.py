"""Starting runs by the dozen: all or nothing, once, in order; more seeds; stop and resume."""

import threading
import uuid
from concurrent.futures import ThreadPoolExecutor
from unittest.mock import patch

import pytest
from django.db import connection

from tests.webapp.reports.made import learned
from tests.webapp.runs.pages.made import make_run
from training.config import RunConfig
from training.config.presets import DEMO
from webapp.accounts.models import User
from webapp.core.errors import UserError
from webapp.reports import services as reports
from webapp.reports.built import build
from webapp.reports.catalogue import Known, find
from webapp.reports.models import Report, ReportRun
from webapp.reports.services import launch_missing, stop_runs
from webapp.reports.sweeps.plan import SweepPlan, plan_sweep
from webapp.reports.sweeps.reading import read_axes
from webapp.reports.sweeps.services import add_seeds, metrics_for, repeat_run, reports_of, start_sweep
from webapp.runs.models import Run, StopRequest
from webapp.runs.status import RunStatus

pytestmark = pytest.mark.django_db
RATE = "optimisation.learning_rate"


def planned(
    *pairs: tuple[str, str], seeds: tuple[int, ...] = (0, 1), base: RunConfig = DEMO.config
) -> SweepPlan[RunConfig]:
    return plan_sweep(base, read_axes(pairs), seeds)


def known_of(report: Report) -> Known:
    known = find(report.slug)
    assert known is not None
    return known


def test_a_sweep_is_a_report_whose_runs_begin_seed_by_seed(researcher: User) -> None:
    report = start_sweep(planned((RATE, "1e-4, 3e-4")), title="Rates", user=researcher)
    runs = list(Run.objects.order_by("pk"))
    assert [run.name for run in runs] == [
        "Rates: learning rate 0.0001, seed 0", "Rates: learning rate 0.0003, seed 0",
        "Rates: learning rate 0.0001, seed 1", "Rates: learning rate 0.0003, seed 1",
    ]  # fmt: skip
    assert [run.queued_at for run in runs] == sorted(run.queued_at for run in runs if run.queued_at)
    assert {run.created_by for run in runs} == {researcher}
    assert [(run.config["seed"], run.config["optimisation"]["learning_rate"]) for run in runs] == [
        (0, 1e-4), (0, 3e-4), (1, 1e-4), (1, 3e-4),
    ]  # fmt: skip
    assert report.owner == researcher
    built = build(known_of(report))
    assert built.state.startswith("0 of 4 runs done; 4 on the way")
    assert built.definition.grid == (RATE,)
    assert built.missing == []
    assert [row.path for row in built.differing] == [RATE]


def test_the_baseline_is_what_the_form_says_where_it_is_on_the_grid() -> None:
    own = DEMO.config.optimisation.learning_rate
    report = start_sweep(planned((RATE, f"1e-5, {own}")))
    assert known_of(report).definition.base.overrides == {RATE: own}
    assert report.title.endswith(": learning rate")


def test_the_same_form_sent_twice_starts_one_sweep() -> None:
    start_id = uuid.uuid4()
    first = start_sweep(planned((RATE, "1e-4, 3e-4")), start_id=start_id)
    assert start_sweep(planned((RATE, "1e-4, 3e-4")), start_id=start_id) == first
    assert (Report.objects.count(), Run.objects.count()) == (1, 4)


def test_two_sweeps_of_the_same_settings_have_runs_of_their_own() -> None:
    start_sweep(planned(), title="Twice")
    second = start_sweep(planned(), title="Twice")
    assert second.slug == "twice-2"
    assert Run.objects.count() == 4


def test_nothing_is_half_started(monkeypatch: pytest.MonkeyPatch) -> None:
    made = []

    def fails_at_the_third(*args: object, **kwargs: object) -> Run:
        made.append(create_run(*args, **kwargs))  # type: ignore[arg-type]
        if len(made) == 3:
            raise UserError("The problem set is gone.")
        return made[-1]

    create_run = reports.create_run
    monkeypatch.setattr(reports, "create_run", fails_at_the_third)
    with pytest.raises(UserError, match="is gone"):
        start_sweep(planned((RATE, "1e-4, 3e-4")))
    assert len(made) == 3
    assert (Report.objects.count(), ReportRun.objects.count(), Run.objects.count()) == (0, 0, 0)


def test_impossible_combinations_are_refused_or_left_out_by_choice() -> None:
    plan = planned((RATE, "1e-4, -1"))
    with pytest.raises(UserError, match=r"learning rate -1: Learning rate: it must be greater than 0"):
        start_sweep(plan)
    assert not Run.objects.exists()
    start_sweep(plan, leave_out=True)
    assert Run.objects.count() == 2
    with pytest.raises(UserError, match="No combination"):
        start_sweep(planned((RATE, "-1")), leave_out=True)


def test_long_names_keep_what_differs() -> None:
    start_sweep(planned((RATE, "1e-4, 3e-4")), title="A" * 120)
    assert {run.name.lstrip("A") for run in Run.objects.all()} == {
        f": learning rate {rate}, seed {seed}" for rate in (0.0001, 0.0003) for seed in (0, 1)
    }
    assert all(len(run.name) == 120 for run in Run.objects.all())


def test_more_seeds_of_a_report_run_all_its_arms_once(researcher: User) -> None:
    report = start_sweep(planned((RATE, "1e-4, 3e-4")))
    launched = add_seeds(known_of(report), (1, 2), researcher)
    assert sorted(run.config["seed"] for run in launched.started) == [2, 2]
    assert len(build(known_of(report)).cells) == 6
    with pytest.raises(UserError, match="have runs already"):
        add_seeds(known_of(report), (0, 1, 2), researcher)
    with pytest.raises(UserError, match="32 seeds at most"):
        add_seeds(known_of(report), range(3, 34), researcher)


def test_a_run_is_repeated_within_its_report_or_in_one_of_its_own(researcher: User) -> None:
    report = start_sweep(planned((RATE, "1e-4, 3e-4")))
    run = Run.objects.order_by("pk")[1]
    assert reports_of(run) == [report]
    slug, launched = repeat_run(run, (5,), researcher, report=report)
    assert slug == report.slug
    (again,) = launched.started
    assert again.config == run.config | {"seed": 5}
    slug, launched = repeat_run(run, (0, 6), researcher)
    assert slug != report.slug
    assert [each.config["seed"] for each in launched.started] == [6]
    cells = build(known_of(Report.objects.get(slug=slug))).cells
    assert [(cell.seed, cell.run, cell.chosen) for cell in cells] == [
        (0, run, True), (6, launched.started[0], False),
    ]  # fmt: skip


def test_a_repetition_that_starts_nothing_makes_no_report() -> None:
    run = make_run(config=RunConfig(seed=3))
    with pytest.raises(UserError, match="have runs already"):
        repeat_run(run, (3,), None)
    assert not Report.objects.exists()
    broken = make_run()
    Run.objects.filter(pk=broken.pk).update(config=broken.config | {"steps": 0})
    broken.refresh_from_db()
    with pytest.raises(UserError, match="not valid any more"):
        repeat_run(broken, (1,), None)


def test_all_runs_stop_those_that_wait_first_and_all_go_on() -> None:
    report = start_sweep(planned((RATE, "1e-4, 3e-4")))
    goes = Run.objects.order_by("pk")[0]
    Run.objects.filter(pk=goes.pk).update(status=RunStatus.RUNNING)
    elsewhere = learned("chosen", 7, status=RunStatus.RUNNING)
    ReportRun.objects.create(
        report=report, arm=known_of(report).definition.arms[0].slug, seed=7, run=elsewhere, chosen=True
    )
    assert stop_runs(known_of(report), StopRequest.SAVE) == 4
    states = list(Run.objects.order_by("pk").values_list("status", flat=True))
    assert states == ["stopping", "stopped", "stopped", "stopped", "running"]
    Run.objects.filter(pk=goes.pk).update(status=RunStatus.STOPPED)
    built = build(known_of(report))
    assert (len(built.resumable), built.missing, built.stoppable) == (4, [], 0)
    launched = launch_missing(known_of(report))
    assert [run.config["seed"] for run in launched.resumed] == [0, 0, 1, 1]
    assert set(Run.objects.exclude(pk=elsewhere.pk).values_list("status", flat=True)) == {"queued"}


@pytest.mark.parametrize(
    ("config", "first"),
    [
        ({"method": {"kind": "grpo"}}, "heldout/pass_at_1"),
        ({"method": {"kind": "grpo"}, "evaluation": {"every_steps": 0}}, "reward/mean"),
        ({"method": {"kind": "sft"}, "evaluation": {"every_steps": 0}}, "optim/loss"),
        ({"method": {"kind": "reward_model"}}, "heldout/preference_accuracy"),
        ({"method": {"kind": "dpo"}, "evaluation": {"every_steps": 0}}, "heldout/preference_accuracy"),
    ],
)
def test_settings_are_judged_by_what_their_method_measures(config: dict[str, object], first: str) -> None:
    assert metrics_for(RunConfig.model_validate(config))[0] == first


@pytest.mark.django_db(transaction=True)
def test_two_clicks_at_once_start_one_sweep_and_two_people_two() -> None:
    plan, start_id = planned((RATE, "1e-4, 3e-4")), uuid.uuid4()
    together = threading.Barrier(3)

    def start(which: uuid.UUID) -> str:
        try:
            together.wait(10)
            return start_sweep(plan, title="Rates", start_id=which).slug
        finally:
            connection.close()

    with patch("workers.queue._send"), ThreadPoolExecutor(3) as pool:
        slugs = list(pool.map(start, [start_id, start_id, uuid.uuid4()]))
    assert slugs[0] == slugs[1]
    assert {slugs[0], slugs[2]} == {"rates", "rates-2"}
    assert (Report.objects.count(), Run.objects.count()) == (2, 8)
