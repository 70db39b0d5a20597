"""Which run a worker takes: the oldest that its machine can serve, and whose GPUs it gets."""

from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone

from tests.webapp.machines.made import FakeGpus, made_gpu, made_worker
from training.config import HardwareConfig, RunConfig
from webapp.runs import services
from webapp.runs.models import Run
from webapp.runs.status import RunStatus
from workers import dispatch, lifecycle, maintenance, queue
from workers.dispatch import claim, claim_next, next_run

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
