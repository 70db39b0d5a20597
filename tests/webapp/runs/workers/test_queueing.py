"""What runs that wait are told: how many come before them, and what they wait for."""

import uuid
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone

from tests.webapp.machines.made import made_gpu, made_worker
from training.config import HardwareConfig, RunConfig
from webapp.core.jobs import kinds_of_jobs
from webapp.labeling.choices import Mode
from webapp.labeling.models import GenerationJob, LabelProject
from webapp.machines.models import Worker
from webapp.playground.models import Chat, Question
from webapp.runs import services
from webapp.runs.models import Run
from webapp.runs.queueing import places, waiting_jobs
from webapp.runs.status import RunStatus

pytestmark = pytest.mark.django_db


def waiting(name: str = "waits", seconds_ago: float = 0, **hardware: Any) -> Run:
    run = services.create_run(RunConfig(hardware=HardwareConfig(**hardware)), name=name)
    Run.objects.filter(pk=run.pk).update(queued_at=timezone.now() - timedelta(seconds=seconds_ago))
    return run


def running(worker: Worker, name: str = "trains", gpus: tuple[str, ...] = ()) -> Run:
    run = services.create_run(RunConfig(), name=name)
    Run.objects.filter(pk=run.pk).update(status=RunStatus.RUNNING, worker=worker.processes[1], gpus=list(gpus))
    return run


def words(run: Run) -> str:
    return places()[run.pk].in_words


def test_without_workers_it_says_so() -> None:
    run = waiting()
    assert words(run) == "Waits for a worker; none is registered."
    assert places()[run.pk].is_stuck


def test_a_run_waits_for_a_machine_that_nobody_registered() -> None:
    made_worker(gpus=(made_gpu(),))
    run = waiting(gpu_kind="H100", processes=2)
    assert words(run) == "Waits for a machine with 2 GPUs of kind H100; none is registered."
    made_worker("gpu@rack", gpus=(made_gpu(0), made_gpu(1)))
    assert words(run) == "Starts in a moment."


def test_runs_before_one_are_counted_when_they_want_the_same_machine() -> None:
    worker = made_worker()
    under_way = running(worker)
    third, first, stuck, second = (
        waiting("third", 10), waiting("first", 90), waiting("stuck", 60, gpu_kind="H100"), waiting("second", 30),
    )  # fmt: skip
    assert list(places()) == [first.pk, stuck.pk, second.pk, third.pk]
    assert words(first) == f"Waits for trains (run {under_way.pk}) to end."
    assert words(second) == "1 run before this one."
    assert words(third) == "2 runs before this one."
    assert words(stuck) == "Waits for a machine with 1 GPU of kind H100; none is registered."


def test_with_several_machines_it_waits_for_any() -> None:
    for name in ("gpu@a", "gpu@b"):
        running(made_worker(name, (made_gpu(),)))
    assert words(waiting(device="cuda")) == "Waits for one of 2 machines with 1 GPU to be free."


def test_a_free_worker_whose_gpus_are_taken_is_not_free() -> None:
    gpu = made_gpu()
    running(made_worker("gpu@here", (gpu,)), gpus=(gpu.uuid,))
    made_worker("gpu2@here", (gpu,))
    assert words(waiting()) == "Waits for one of 2 machines to be free."


def test_the_run_and_the_list_say_it(researcher_client: Client) -> None:
    said = f"Waits for trains (run {running(made_worker()).pk}) to end."
    first, second = waiting("first", 60), waiting("second")
    assert said in researcher_client.get(f"/runs/{first.pk}/").content.decode()
    assert "1 run before this one." in researcher_client.get(f"/runs/{second.pk}/").content.decode()
    listed = researcher_client.get("/runs/").content.decode()
    assert said in listed
    assert "1 run before this one." in listed


def test_jobs_that_wait_cost_a_query_a_kind(django_assert_num_queries: Callable[[int], Any]) -> None:
    config = {"kept": "where it is"}
    for number in range(3):
        project = LabelProject.objects.create(slug=f"p{number}", name="P", mode=Mode.PAIRWISE)
        GenerationJob.objects.create(project=project, start_id=uuid.uuid4(), config=config)
        chat = Chat.objects.create(title="?", asked=[])
        Question.objects.create(chat=chat, number=1, start_id=uuid.uuid4(), config=config)
    with django_assert_num_queries(len(kinds_of_jobs())):
        addresses = {job.get_absolute_url() for job in waiting_jobs()}
    assert len(addresses) == 6


def test_a_long_queue_costs_no_more_queries(django_assert_max_num_queries: Callable[[int], Any]) -> None:
    running(made_worker())
    for number in range(12):
        waiting(seconds_ago=number)
    with django_assert_max_num_queries(3 + len(kinds_of_jobs())):
        assert len(places()) == 12
