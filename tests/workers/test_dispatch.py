"""Which run a worker takes: the oldest that its machine can serve, and whose GPUs it gets; jobs likewise."""

import sys
import uuid
from datetime import timedelta
from pathlib import Path
from typing import Any
from unittest.mock import patch

import pytest
from django.conf import LazySettings
from django.db.models import F
from django.utils import timezone

from tests.webapp.labeling.made import project_of
from tests.webapp.machines.made import FakeGpus, made_gpu, made_worker
from tests.webapp.teaching.made import job_of
from training.config import HardwareConfig, RunConfig
from training.config.generate import GenerationConfig, TypedPrompts
from webapp.core.jobs import JobState
from webapp.labeling.generation.job import GenerationJob
from webapp.labeling.generation.services import start_generation
from webapp.runs import services
from webapp.runs.filters import COMPUTED
from webapp.runs.models import Run
from webapp.runs.progress import seconds_taken
from webapp.runs.queueing import carried
from webapp.runs.status import RunStatus, transition
from webapp.teaching.models import TeachingJob
from workers import dispatch, jobs, lifecycle, maintenance, queue
from workers.dispatch import claim, claim_next, next_run
from workers.generation import GenerationWork
from workers.teaching import TeachingWork

pytestmark = pytest.mark.django_db
MACHINE = FakeGpus((made_gpu(0, "NVIDIA L4"), made_gpu(1), made_gpu(2)))


@pytest.fixture
def machine(monkeypatch: pytest.MonkeyPatch) -> FakeGpus:
    """What this worker's machine has: nothing but a processor, until the test says so."""
    gpus = FakeGpus()
    monkeypatch.setattr(dispatch, "reader", gpus)
    return gpus


def waiting(seconds_ago: float = 0, **hardware: Any) -> Run:
    run = services.create_run(RunConfig(hardware=HardwareConfig(**hardware)))
    Run.objects.filter(pk=run.pk).update(queued_at=timezone.now() - timedelta(seconds=seconds_ago))
    return run


def test_the_oldest_that_fits_comes_first_and_one_that_nobody_serves_holds_up_nobody(machine: FakeGpus) -> None:
    nobodys, younger, older = waiting(90, gpu_kind="B300"), waiting(10), waiting(60)
    taken = [claimed.run.pk for _ in range(2) if (claimed := claim_next())]
    assert taken == [older.pk, younger.pk]
    assert claim_next() is None
    nobodys.refresh_from_db()
    assert nobodys.state == RunStatus.QUEUED
    machine.gpus = (made_gpu(0, "NVIDIA B300"),)  # a machine added later
    claimed = claim_next()
    assert claimed is not None
    assert claimed.run.pk == nobodys.pk


def test_the_time_between_attempts_is_not_counted_as_taken() -> None:
    """What the page of a run says, and what the list sorts by."""

    def taken(run: Run) -> tuple[float, float]:
        run.refresh_from_db()
        listed = Run.objects.annotate(**COMPUTED).get(pk=run.pk)
        return seconds_taken(run, timezone.now()) or 0.0, listed.duration.total_seconds()  # type: ignore[attr-defined]

    run, hour = waiting(), timedelta(hours=1)
    assert claim(run.pk) is not None
    Run.objects.filter(pk=run.pk).update(
        started_at=F("started_at") - 3 * hour, heartbeat_at=F("heartbeat_at") - 2 * hour
    )
    transition(run.pk, RunStatus.STOPPED, ended_at=F("heartbeat_at"))
    services.resume_run(run, send=False)
    assert taken(run) == pytest.approx((3600, 3600), abs=60), "it waits again"
    assert claim(run.pk) is not None
    assert taken(run) == pytest.approx((3600, 3600), abs=60), "it has just begun to go on"
    transition(run.pk, RunStatus.LOST, ended_at=timezone.now() + hour)
    assert taken(run) == pytest.approx((7200, 7200), abs=60)
    services.resume_run(run, send=False)
    services.stop_run(run)
    assert taken(run) == pytest.approx((3600, 3600), abs=60), "it was stopped before it went on"


def test_a_run_that_was_not_launched_is_not_taken_but_can_be_carried_by_whoever_asks(machine: FakeGpus) -> None:
    run = services.create_run(RunConfig())
    assert next_run() is None
    assert claim(run.pk) is not None
    assert claim(run.pk) is None


def test_gpus_of_the_kind_are_given_out_once(machine: FakeGpus) -> None:
    machine.gpus = MACHINE.gpus
    for _ in range(3):
        waiting(gpu_kind="H100")
    first, second = claim_next(), claim_next()
    assert first is not None
    assert second is not None
    assert first.environment == {"CUDA_VISIBLE_DEVICES": "1", "CUDA_DEVICE_ORDER": "PCI_BUS_ID"}
    assert second.environment["CUDA_VISIBLE_DEVICES"] == "2"
    assert claim_next() is None
    assert first.run.gpus == [MACHINE.gpus[1].uuid]
    Run.objects.filter(pk=first.run.pk).update(status=RunStatus.FAILED)
    third = claim_next()
    assert third is not None
    assert third.environment["CUDA_VISIBLE_DEVICES"] == "1"


def test_a_run_on_the_processor_sees_no_gpu_and_holds_none(machine: FakeGpus) -> None:
    machine.gpus = MACHINE.gpus
    waiting(device="cpu", processes=4)
    claimed = claim_next()
    assert claimed is not None
    assert (claimed.gpus, claimed.environment) == ((), {"CUDA_VISIBLE_DEVICES": ""})


def test_an_idle_worker_wakes_itself_for_what_it_can_serve_and_for_nothing_else(
    machine: FakeGpus, monkeypatch: pytest.MonkeyPatch
) -> None:
    woken: list[tuple[str, int]] = []
    monkeypatch.setattr(queue, "wake", lambda name, run_id: woken.append((name, run_id)))
    run = waiting(gpu_kind="H100")
    lifecycle._look_for_work("gpu@here")
    assert woken == []
    machine.gpus = MACHINE.gpus
    lifecycle._look_for_work("gpu@here")
    assert woken == [("gpu@here", run.pk)]
    monkeypatch.setattr(lifecycle.state, "reserved_requests", {object()})
    lifecycle._look_for_work("gpu@here")
    assert len(woken) == 1


def test_no_message_is_sent_again_for_what_no_registered_machine_can_serve(
    django_capture_on_commit_callbacks: Any,
) -> None:
    with queue.app.connection_for_write() as connection:
        queue.app.amqp.queues["gpu"].bind(connection.default_channel).purge()
    waiting(gpu_kind="H100")
    made_worker(gpus=(made_gpu(0, "NVIDIA L4"),))
    with django_capture_on_commit_callbacks(execute=True):
        maintenance.resend_queued()
    assert queue.waiting_messages() == 0
    made_worker("gpu@rack", gpus=(made_gpu(),))
    with django_capture_on_commit_callbacks(execute=True):
        maintenance.resend_queued()
    assert queue.waiting_messages() == 1


def test_a_job_gets_a_gpu_that_nothing_else_has_and_waits_while_there_is_none(
    machine: FakeGpus, monkeypatch: pytest.MonkeyPatch
) -> None:
    machine.gpus = MACHINE.gpus[:1]
    run, job = waiting(), job_of(teacher={"kind": "model"})
    claimed = claim_next()
    assert claimed is not None
    woken: list[tuple[object, ...]] = []
    monkeypatch.setattr(queue, "wake", lambda *given: woken.append(given))
    TeachingWork.carry(job.pk)
    lifecycle._look_for_work("gpu@here")
    job.refresh_from_db()
    assert (job.state, woken) == (JobState.QUEUED, [])
    Run.objects.filter(pk=run.pk).update(status=RunStatus.SUCCEEDED)
    follower = waiting()
    lifecycle._look_for_work("gpu@here")
    assert woken == [("gpu@here", job.pk, "workers.teaching.teach")]
    taken = dispatch.claim_job(TeachingJob, job.pk, TeachingWork.demand(job.config))
    assert taken is not None
    assert (taken[0].gpus, taken[1]) == ([MACHINE.gpus[0].uuid], MACHINE.gpus[:1])
    assert claim_next() is None, "the run behind it waits for the job's GPU"
    assert [work.gpus for work in carried()] == [(MACHINE.gpus[0].uuid,)]
    TeachingJob.objects.update(state=JobState.SUCCEEDED)
    assert (claimed := claim_next()) is not None
    assert claimed.run.pk == follower.pk


def test_of_jobs_that_wait_the_oldest_comes_first_whatever_its_kind(machine: FakeGpus) -> None:
    project = project_of(0)
    elsewhere = job_of(teacher={"kind": "model"}, hardware={"gpu_kind": "B300"})
    older = job_of()
    asked = GenerationConfig(prompts=TypedPrompts(texts=("one",)))
    assert project.created_by is not None
    with patch("workers.queue._send"):
        younger = start_generation(project, asked, user=project.created_by, start_id=uuid.uuid4())
    works = (GenerationWork, TeachingWork)
    assert jobs.next_job(works) == ("workers.teaching.teach", older.pk)
    TeachingJob.objects.filter(pk=older.pk).update(state=JobState.SUCCEEDED)
    assert jobs.next_job(works) == ("workers.generation.generate", younger.pk)
    GenerationJob.objects.update(state=JobState.STOPPED)
    assert jobs.next_job(works) is None, f"{elsewhere} asks for a GPU that is not here"


def test_a_job_whose_teacher_is_elsewhere_takes_no_gpu_and_its_child_sees_none(
    machine: FakeGpus, monkeypatch: pytest.MonkeyPatch, settings: LazySettings, tmp_path: Path
) -> None:
    settings.TEACHINGS_DIR = tmp_path
    machine.gpus = MACHINE.gpus[:1]
    waiting()
    assert claim_next() is not None
    job = job_of()
    seen = "import os, sys; sys.exit(f'GPUs: {os.environ[\"CUDA_VISIBLE_DEVICES\"]!r}')"
    monkeypatch.setattr(jobs, "PROGRAM", (sys.executable, "-c", seen))
    TeachingWork.carry(job.pk)
    job.refresh_from_db()
    assert (job.state, job.gpus) == (JobState.FAILED, [])
    assert "GPUs: ''" in job.error
