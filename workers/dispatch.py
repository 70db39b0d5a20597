"""Which run a worker takes: the oldest of those that wait and that its machine can serve now; and which GPUs a run or
job gets, each of them one at a time.

The row decides, never the message, so that none is lost with a message and none overtakes. A run that no machine can
serve holds up nobody: it waits until one registers that can.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TypeVar

from django.db import connection, transaction
from django.db.models import F, QuerySet
from django.db.models.functions import Coalesce
from django.utils import timezone

from webapp.core import job_states
from webapp.core.jobs import Job, JobState, kinds_of_jobs
from webapp.machines.demand import Demand, demand_in
from webapp.machines.devices import Gpu
from webapp.machines.gpus import GpuReader, Nvml
from webapp.runs.models import Run
from webapp.runs.status import ACTIVE, RunStatus, transition
from workers import host

GPU_LOCK = 0x65737061
"""Number of the database's lock under which GPUs are given out, so that two workers of a machine share none."""
reader: GpuReader = Nvml()
AnyJob = TypeVar("AnyJob", bound=Job)


@dataclass(frozen=True, slots=True)
class Claim:
    """A run in this worker's hands, and the GPUs that its trainer gets; empty for the processor."""

    run: Run
    gpus: tuple[Gpu, ...]

    @property
    def environment(self) -> dict[str, str]:
        """What makes its trainer see these GPUs and no others."""
        return environment_of(self.gpus, demand_in(self.run.config))


def environment_of(gpus: Sequence[Gpu], demand: Demand) -> dict[str, str]:
    """What makes a child see these GPUs and no others; nothing where this machine has none to hide.

    Indices, since some libraries take no uuids; they count in the order of the bus only if CUDA is told so.
    """
    if gpus:
        indices = ",".join(str(gpu.index) for gpu in gpus)
        return {"CUDA_VISIBLE_DEVICES": indices, "CUDA_DEVICE_ORDER": "PCI_BUS_ID"}
    return {} if demand.uses_gpu else {"CUDA_VISIBLE_DEVICES": ""}


def next_run() -> int | None:
    """The run that this machine would take now; None when none waits that it can serve."""
    gpus = reader.read()
    taken = _taken() if gpus else set()
    for run in _waiting():
        if demand_in(run.config).allot(gpus, taken) is not None:
            return run.pk
    return None


@transaction.atomic
def claim_next() -> Claim | None:
    """Take that run, as a new attempt."""
    _lock()
    while (run_id := next_run()) is not None:
        if claimed := _claim(run_id):
            return claimed
    return None


@transaction.atomic
def claim(run_id: int) -> Claim | None:
    """Take a certain queued run, whatever waits before it; None when it is not there to take.

    Where this machine cannot serve it, its trainer will say so.
    """
    _lock()
    return _claim(run_id)


def can_serve(demand: Demand) -> bool:
    """Whether this machine has now what is asked for."""
    return _allot(demand) is not None


@transaction.atomic
def claim_job(kind: type[AnyJob], job_id: int, demand: Demand) -> tuple[AnyJob, tuple[Gpu, ...]] | None:
    """Take a certain queued job, and the GPUs that its child gets; None when it is not there, or not now to take."""
    _lock()
    gpus = _allot(demand)
    if gpus is None:
        return None
    job = job_states.claim(kind, job_id, host.this_process(), [gpu.uuid for gpu in gpus])
    return None if job is None else (job, gpus)


def _allot(demand: Demand) -> tuple[Gpu, ...] | None:
    gpus = reader.read()
    return demand.allot(gpus, _taken() if gpus else ())


def _claim(run_id: int) -> Claim | None:
    now = timezone.now()
    idle = _idle(run_id, now)
    if not transition(run_id, RunStatus.STARTING, worker=host.this_process(), heartbeat_at=now):
        return None
    run = Run.objects.get(pk=run_id)
    gpus = reader.read()
    allotted = demand_in(run.config).allot(gpus, _taken(but=run_id) if gpus else ()) or ()
    Run.objects.filter(pk=run_id).update(
        attempt=F("attempt") + 1, started_at=Coalesce("started_at", now), idle=F("idle") + idle,
        gpus=[gpu.uuid for gpu in allotted],
    )  # fmt: skip
    return Claim(Run.objects.get(pk=run_id), allotted)


def _idle(run_id: int, now: datetime) -> timedelta:
    """Since the last sign of the run's attempt before; nothing before the first one."""
    heard = Run.objects.filter(pk=run_id).exclude(started_at=None).values_list("heartbeat_at", flat=True).first()
    return now - (heard or now)


def _waiting() -> "QuerySet[Run]":
    launched = Run.objects.filter(status=RunStatus.QUEUED).exclude(queued_at=None)
    return launched.order_by("queued_at", "pk").only("pk", "config")


def _taken(but: int = 0) -> set[str]:
    """Uuids of the GPUs of runs and jobs that are under way."""
    lists = list(Run.objects.filter(status__in=ACTIVE).exclude(pk=but).values_list("gpus", flat=True))
    for kind in kinds_of_jobs():
        lists += kind._default_manager.filter(state=JobState.RUNNING).values_list("gpus", flat=True)
    return {uuid for gpus in lists for uuid in gpus}


def _lock() -> None:
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(%s)", [GPU_LOCK])
