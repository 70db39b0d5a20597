"""What an onlooker notices: silence, waiting, and phases that hang, each at its threshold and not before."""

from datetime import timedelta

import pytest
from django.utils import timezone

from tests.webapp.machines.made import made_worker
from tests.webapp.runs.pages.made import add_figures, make_run
from webapp.runs import health
from webapp.runs.models import Alert, Run
from webapp.runs.status import RunStatus

pytestmark = pytest.mark.django_db
NOW = timezone.now()


def moving(phase: str, seconds: float, **fields: object) -> Run:
    """A running run that has been in ``phase`` for so long."""
    since = NOW - timedelta(seconds=seconds)
    return make_run(RunStatus.RUNNING, phase=phase, phase_since=since, heartbeat_at=NOW, **fields)


@pytest.mark.parametrize(("lasted", "stuck"), [(71.0, False), (73.0, True)])
def test_a_phase_is_stuck_at_six_times_its_median(lasted: float, stuck: bool) -> None:
    run = moving("sampling", lasted)
    add_figures(run, {"time/sampling_s": [10.0, 12.0, 12.0, 50.0, 1.0]})
    found = health.present_findings(run, NOW)
    assert bool(found) == stuck
    if stuck:
        assert found[0].message == "Sampling has lasted 1 m 13 s, 6× its median."
        assert (found[0].tone, found[0].chart) == ("bad", "phases")


def test_a_short_phase_is_never_called_stuck() -> None:
    run = moving("scoring", health.STUCK_SECONDS - 1)
    add_figures(run, {"time/scoring_s": [0.01] * 10})
    assert health.present_findings(run, NOW) == []


def test_two_steps_are_too_few_to_know_what_is_usual() -> None:
    run = moving("updating", 1000)
    add_figures(run, {"time/updating_s": [1.0, 1.0]})
    assert health.present_findings(run, NOW) == []


def test_steps_without_the_phase_do_not_count_in_its_median() -> None:
    run = moving("saving", 40)
    add_figures(run, {"time/saving_s": [0.0] * 50 + [20.0, 20.0, 20.0]})
    assert health.usual_seconds(run) == 20.0
    assert health.present_findings(run, NOW) == []


@pytest.mark.parametrize(("lasted", "count"), [(599, 0), (601, 1)])
def test_loading_may_take_ten_minutes(lasted: float, count: int) -> None:
    assert len(health.present_findings(moving("loading", lasted), NOW)) == count


def test_of_a_silent_worker_only_the_silence_is_told() -> None:
    run = moving("sampling", 500, worker="gpu@north")
    add_figures(run, {"time/sampling_s": [1.0] * 5})
    run.heartbeat_at = NOW - timedelta(seconds=45)
    (found,) = health.present_findings(run, NOW)
    assert found.message == "The worker gpu@north has been silent for 45 s."


def test_a_waiting_run_says_what_it_waits_for() -> None:
    run = make_run(RunStatus.QUEUED)
    later = timezone.now() + timedelta(seconds=health.WAITING_SECONDS + 1)
    assert health.present_findings(run, timezone.now()) == []
    assert health.present_findings(run, later)[0].message == "Waits for a worker; none is registered."
    worker = made_worker()
    assert "No worker has taken this run" in health.present_findings(run, later)[0].message
    first = make_run(RunStatus.RUNNING, name="the first", worker=worker.process)
    assert health.present_findings(run, later)[0].message == f"Waits for the first (run {first.pk}) to end."
    assert health.present_findings(make_run(RunStatus.QUEUED), later) == []  # runs before it tell enough


def test_an_ended_run_has_no_present_faults_but_keeps_its_alerts() -> None:
    run = make_run(RunStatus.SUCCEEDED, phase="sampling", phase_since=NOW - timedelta(days=1))
    Alert.objects.create(
        run=run,
        step=30,
        code="x",
        severity="warning",
        message="Truncated.",
        advice="Raise it.",
        metric="policy/kl",
        at=NOW,
    )
    (found,) = health.findings(run, NOW)
    assert (found.message, found.window, found.chart, found.word) == ("Truncated.", (5, 55), "kl", "Warning")
    assert health.notices(run, NOW) == []


def test_a_live_run_shows_fresh_warnings_above_its_charts_and_old_ones_not() -> None:
    run = moving("sampling", 1, step=100)
    for step, severity in ((95, "warning"), (96, "info"), (50, "warning")):
        Alert.objects.create(run=run, step=step, code="x", severity=severity, message=f"at {step}", advice="", at=NOW)
    assert [found.message for found in health.notices(run, NOW)] == ["at 95"]
