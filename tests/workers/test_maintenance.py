"""Runs whose worker is dead, and runs whose message is lost."""

import os
import subprocess
import sys
from datetime import timedelta

import psutil
import pytest
from celery import Celery
from django.conf import LazySettings
from django.utils import timezone

from training.config import RunConfig
from training.events import CheckpointSaved, JsonlSink, Started
from webapp.core.errors import UserError
from webapp.runs import services
from webapp.runs.models import Run, StopRequest
from webapp.runs.status import RunStatus
from workers import host, ingest, queue
from workers.maintenance import AUTOMATIC_RESUMES, maintain, reap_lost_runs, resend_queued
from workers.process import trainer_environment

pytestmark = pytest.mark.django_db


@pytest.fixture
def dead_worker() -> str:
    """Name of a process of this machine that is no more."""
    code = "from workers import host; print(host.this_process())"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    return done.stdout.strip()


@pytest.fixture(autouse=True)
def empty_queue() -> None:
    with queue.app.connection_for_write() as connection:
        queue.app.amqp.queues["gpu"].bind(connection.default_channel).purge()


def active(worker: str, silent_s: float = 0, **fields: object) -> Run:
    run = services.create_run(RunConfig())
    beat = timezone.now() - timedelta(seconds=silent_s)
    defaults = {"status": RunStatus.RUNNING, "attempt": 1, "worker": worker, "heartbeat_at": beat}
    Run.objects.filter(pk=run.pk).update(**(defaults | fields))
    return run


def state(run: Run) -> RunStatus:
    run.refresh_from_db()
    return run.state


def test_a_run_of_a_dead_worker_of_this_machine_is_queued_again_at_once(dead_worker: str) -> None:
    run = active(dead_worker)
    reap_lost_runs()
    assert (state(run), run.automatic_resumes, run.ended_at) == (RunStatus.QUEUED, 1, None)


def test_a_run_of_a_living_worker_is_left_alone() -> None:
    run = active(host.this_process())
    reap_lost_runs()
    assert (state(run), run.attempt) == (RunStatus.RUNNING, 1)


def test_a_process_that_got_a_dead_ones_number_is_not_taken_for_it() -> None:
    machine, number, began = host.this_process().rsplit(":", 2)
    assert host.is_dead(f"{machine}:{number}:{float(began) - 100:.2f}")
    assert not host.is_dead(f"elsewhere:1:{number}:{began}")
    assert psutil.Process(int(number)).pid == os.getpid()


@pytest.mark.parametrize(("silent_s", "expected"), [(3600, RunStatus.QUEUED), (0, RunStatus.RUNNING)])
def test_a_worker_elsewhere_counts_as_dead_after_a_long_silence(
    settings: LazySettings, silent_s: float, expected: RunStatus
) -> None:
    settings.HEARTBEAT_LOST_SECONDS = 1.0
    run = active("elsewhere:1:1:1.00", silent_s)
    reap_lost_runs()
    assert state(run) == expected


def test_nobody_is_declared_dead_for_a_silence_of_the_database(settings: LazySettings) -> None:
    settings.HEARTBEAT_LOST_SECONDS = 10.0**9  # longer than this server has been up
    run = active("elsewhere:1:1:1.00", silent_s=1.5 * 10**9)
    reap_lost_runs()
    assert state(run) == RunStatus.RUNNING


def test_a_run_that_keeps_losing_its_worker_ends_as_lost(dead_worker: str) -> None:
    run = active(dead_worker)
    for resumes in range(1, AUTOMATIC_RESUMES + 1):
        reap_lost_runs()
        assert (state(run), run.automatic_resumes) == (RunStatus.QUEUED, resumes)
        Run.objects.filter(pk=run.pk).update(status=RunStatus.RUNNING)
    reap_lost_runs()
    assert state(run) == RunStatus.LOST
    assert "vanished 4 times" in run.error
    services.resume_run(run)
    assert (state(run), run.automatic_resumes, run.error) == (RunStatus.QUEUED, 0, "")


def test_a_new_checkpoint_starts_the_count_anew(dead_worker: str) -> None:
    run = active(dead_worker, automatic_resumes=AUTOMATIC_RESUMES)
    run.folder.mkdir(parents=True)
    sink = JsonlSink(run.folder / ingest.EVENTS_FILE)
    sink.emit(Started(step=0, attempt=1, total_steps=9))
    sink.emit(CheckpointSaved(step=5, path="checkpoints/step_000005", size=1))
    ingest.ingest(run.pk)
    reap_lost_runs()
    assert (state(run), run.automatic_resumes) == (RunStatus.QUEUED, 1)
    sink.emit(CheckpointSaved(step=5, path="checkpoints/step_000005", size=1))
    sink.close()
    ingest.ingest(run.pk)
    run.refresh_from_db()
    assert run.automatic_resumes == 1


def test_a_lost_run_that_was_asked_to_stop_is_stopped(dead_worker: str) -> None:
    run = active(dead_worker, status=RunStatus.STOPPING, stop_requested=StopRequest.SAVE)
    reap_lost_runs()
    assert state(run) == RunStatus.STOPPED
    assert run.ended_at is not None


def test_the_leftovers_of_a_dead_worker_are_ended(dead_worker: str) -> None:
    run = active(dead_worker)
    run.refresh_from_db()
    left = subprocess.Popen(
        [sys.executable, "-c", "import time; time.sleep(600)"],
        env=trainer_environment(run.folder, run.folder.parent, run.attempt),
    )
    assert left.poll() is None
    reap_lost_runs()
    assert not psutil.pid_exists(left.pid)


def test_a_lost_message_is_sent_again_and_a_present_one_is_not(django_capture_on_commit_callbacks: object) -> None:
    runs = [services.create_run(RunConfig()) for _ in range(3)]
    Run.objects.update(queued_at=timezone.now())
    assert queue.waiting_messages() == 0
    for expected in (3, 3):
        with django_capture_on_commit_callbacks(execute=True):  # type: ignore[operator]
            resend_queued()
        assert queue.waiting_messages() == expected == len(runs)


def test_a_run_that_was_created_and_never_launched_is_launched_after_a_while(
    django_capture_on_commit_callbacks: object,
) -> None:
    fresh, forgotten = services.create_run(RunConfig()), services.create_run(RunConfig())
    Run.objects.filter(pk=forgotten.pk).update(created_at=timezone.now() - timedelta(minutes=5))
    with django_capture_on_commit_callbacks(execute=True):  # type: ignore[operator]
        maintain()
    fresh.refresh_from_db()
    forgotten.refresh_from_db()
    assert fresh.queued_at is None
    assert forgotten.queued_at is not None
    assert queue.waiting_messages() == 1


@pytest.mark.django_db(transaction=True)
def test_while_the_broker_is_away_a_run_waits_and_the_user_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    away = Celery("away", broker="redis+socket:///nowhere/redis.sock", set_as_current=False)
    away.conf.broker_transport_options = queue.app.conf.broker_transport_options
    run = services.create_run(RunConfig())
    with monkeypatch.context() as outage:
        outage.setattr(queue, "app", away)
        with pytest.raises(UserError, match="The run is saved, but the message broker does not answer"):
            services.launch_run(run)
        maintain()
    assert state(run) == RunStatus.QUEUED
    maintain()
    assert queue.waiting_messages() == 1
