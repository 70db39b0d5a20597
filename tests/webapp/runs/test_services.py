"""Creating, launching, stopping, resuming and deleting runs."""

import uuid
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest
from django.db import connection
from django.utils import timezone

from training.config import CheckpointModel, ImportedProblems, RunConfig
from webapp.core.errors import UserError
from webapp.runs import services
from webapp.runs.models import Checkpoint, Run, StopRequest
from webapp.runs.status import RunStatus, transition
from workers import queue

pytestmark = pytest.mark.django_db


def messages() -> int:
    return queue.waiting_messages()


def ended(run: Run, how: RunStatus) -> Run:
    Run.objects.filter(pk=run.pk).update(status=how, ended_at=timezone.now())
    run.refresh_from_db()
    return run


@pytest.mark.django_db(transaction=True)
def test_a_form_sent_by_eight_clicks_at_once_makes_one_run_and_one_message() -> None:
    start_id, before = uuid.uuid4(), messages()

    def click(_: int) -> int:
        try:
            run = services.create_run(RunConfig(), start_id=start_id)
            services.launch_run(run)
            return run.pk
        finally:
            connection.close()

    with ThreadPoolExecutor(8) as pool:
        runs = set(pool.map(click, range(8)))
    assert len(runs) == 1
    assert messages() == before + 1


def test_a_message_leaves_only_after_the_commit(django_capture_on_commit_callbacks: object) -> None:
    before = messages()
    with django_capture_on_commit_callbacks(execute=True):  # type: ignore[operator]
        services.launch_run(services.create_run(RunConfig(), name="first"))
        assert messages() == before
    assert messages() == before + 1


def test_a_new_run_stores_its_whole_config_and_what_it_trains_on_in_words() -> None:
    run = services.create_run(RunConfig(steps=7))
    assert (run.name, run.method, run.problems) == ("GRPO on built-in, middle", "grpo", "built-in, middle")
    assert (run.state, run.total_steps, run.config["steps"]) == (RunStatus.QUEUED, 7, 7)
    assert RunConfig.model_validate(run.config) == RunConfig(steps=7)


def test_a_config_that_names_what_is_not_there_is_refused() -> None:
    with pytest.raises(UserError, match="no problem set 'gone'"):
        services.create_run(RunConfig(problems=ImportedProblems(slug="gone")))
    run = services.create_run(RunConfig())
    Checkpoint.objects.create(run=run, step=5, path="checkpoints/step_000005", size=1, saved_at=timezone.now())
    services.create_run(RunConfig(model=CheckpointModel(run=run.pk, step=5)))
    with pytest.raises(UserError, match="no checkpoint of step 6"):
        services.create_run(RunConfig(model=CheckpointModel(run=run.pk, step=6)))
    assert Run.objects.count() == 2


def test_a_queued_run_stops_at_once_and_a_running_one_is_asked() -> None:
    queued, running = services.create_run(RunConfig()), services.create_run(RunConfig())
    services.stop_run(queued)
    assert (queued.state, queued.ended_at is not None) == (RunStatus.STOPPED, True)

    transition(running.pk, RunStatus.STARTING)
    services.stop_run(running, StopRequest.NOW)
    services.stop_run(running, StopRequest.SAVE)
    assert (running.state, running.stop_requested) == (RunStatus.STOPPING, StopRequest.NOW)


def test_a_run_that_has_ended_cannot_be_stopped() -> None:
    run = ended(services.create_run(RunConfig(), name="first"), RunStatus.SUCCEEDED)
    with pytest.raises(UserError, match="first has ended already"):
        services.stop_run(run)


def test_resume_clears_what_the_last_attempt_left(django_capture_on_commit_callbacks: object) -> None:
    run = services.create_run(RunConfig())
    Run.objects.filter(pk=run.pk).update(
        status=RunStatus.FAILED, error="boom", exit_code=1, stop_requested=StopRequest.NOW, automatic_resumes=3
    )
    before = messages()
    with django_capture_on_commit_callbacks(execute=True):  # type: ignore[operator]
        services.resume_run(run)
    run.refresh_from_db()
    assert (run.state, run.error, run.exit_code, run.automatic_resumes) == (RunStatus.QUEUED, "", None, 0)
    assert (run.stop_requested, messages()) == (StopRequest.NONE, before + 1)


@pytest.mark.parametrize("status", [RunStatus.SUCCEEDED, RunStatus.RUNNING, RunStatus.QUEUED])
def test_only_a_run_that_stopped_early_resumes(status: RunStatus) -> None:
    run = ended(services.create_run(RunConfig()), status)
    with pytest.raises(UserError, match="only a run that stopped early"):
        services.resume_run(run)
    run.refresh_from_db()
    assert run.state == status


def test_a_run_that_lost_its_worker_keeps_its_place_and_one_that_was_stopped_does_not() -> None:
    runs = [services.create_run(RunConfig()) for _ in range(3)]
    long_ago = timezone.now() - timedelta(hours=1)
    Run.objects.filter(pk__in=[run.pk for run in runs[:2]]).update(queued_at=long_ago)
    lost, stopped, carried = runs
    ended(lost, RunStatus.LOST)
    ended(stopped, RunStatus.STOPPED)
    ended(carried, RunStatus.LOST)
    services.requeue_lost_run(lost.pk, automatic_resumes=1)
    services.resume_run(stopped, send=False)
    services.requeue_lost_run(carried.pk, automatic_resumes=1)
    for run in runs:
        run.refresh_from_db()
    assert lost.queued_at == long_ago
    assert stopped.queued_at is not None
    assert stopped.queued_at > long_ago
    assert carried.queued_at is not None, "or no worker would ever look for it"


def test_a_killed_run_waits_in_no_phase() -> None:
    run = ended(services.create_run(RunConfig()), RunStatus.LOST)
    Run.objects.filter(pk=run.pk).update(phase="updating", phase_since=timezone.now())
    assert services.requeue_lost_run(run.pk, automatic_resumes=1)
    run.refresh_from_db()
    assert (run.state, run.phase, run.phase_since) == (RunStatus.QUEUED, "", None)


def test_delete_refuses_what_is_in_use_and_removes_rows_and_files(django_capture_on_commit_callbacks: object) -> None:
    run = services.create_run(RunConfig())
    with pytest.raises(UserError, match="Stop it first"):
        services.delete_run(run)
    ended(run, RunStatus.STOPPED)
    Checkpoint.objects.create(run=run, step=5, path="checkpoints/step_000005", size=1, saved_at=timezone.now())
    child = services.create_run(RunConfig(model=CheckpointModel(run=run.pk, step=5)), name="child")
    with pytest.raises(UserError, match="child needs a checkpoint"):
        services.delete_run(run)
    ended(child, RunStatus.SUCCEEDED)
    folder = run.folder
    (folder / "checkpoints").mkdir(parents=True)
    with django_capture_on_commit_callbacks(execute=True):  # type: ignore[operator]
        services.delete_run(run)
    assert not folder.exists()
    assert set(Run.objects.values_list("name", flat=True)) == {"child"}
