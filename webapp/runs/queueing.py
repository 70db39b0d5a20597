"""What workers carry at this moment, and what each run that waits is waiting for.

Rows alone say so, those of runs and those that workers write of themselves; the dispatch follows the same rule
(`webapp.machines.demand`), so that a page promises nothing that does not happen.
"""

from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from django.db.models import F, QuerySet
from django.urls import reverse

from webapp.core.jobs import Job, JobState, kinds_of_jobs
from webapp.machines.demand import Demand, demand_in
from webapp.machines.models import Worker, registered
from webapp.runs.models import Run
from webapp.runs.status import ACTIVE, RunStatus

TRAINING_QUEUE = "gpu"
"""Whose workers carry runs."""


@dataclass(frozen=True, slots=True)
class Carried:
    """A run or job under way."""

    name: str
    address: str
    worker: str
    """Name of the process that carries it."""
    gpus: tuple[str, ...] = ()
    """Uuids of the GPUs it computes on, where that was settled."""
    run: int | None = None

    @property
    def in_words(self) -> str:
        """A run with its number, since several may be called alike."""
        return self.name if self.run is None else f"{self.name} (run {self.run})"


@dataclass(frozen=True, slots=True)
class Place:
    """Of a run that waits: how many will be taken before it, and what it waits for, as a sentence."""

    before: int
    waits_for: str
    is_stuck: bool
    """No machine that is registered can ever serve it."""

    is_ready: bool = False
    """A worker that is free can serve it."""

    @property
    def in_words(self) -> str:
        """``2 runs before this one. Waits for …``."""
        if not self.before:
            return self.waits_for
        ahead = f"{self.before} run{'s' * (self.before != 1)} before this one."
        return f"{ahead} {self.waits_for}" if self.is_stuck else ahead


def carried() -> list[Carried]:
    """All runs and jobs that workers have in hand."""
    runs = Run.objects.filter(status__in=ACTIVE).only("name", "worker", "gpus")
    found = [
        Carried(run.name, reverse("runs:detail", args=[run.pk]), run.worker, tuple(run.gpus), run.pk) for run in runs
    ]
    for kind in kinds_of_jobs():
        found += [
            Carried(str(job), job.get_absolute_url(), job.worker, tuple(job.gpus))
            for job in _jobs(kind, JobState.RUNNING)
        ]
    return found


def by_worker(workers: Iterable[Worker], works: Iterable[Carried]) -> dict[int, list[Carried]]:
    """Key of a worker → what it carries."""
    owner = {process: worker.pk for worker in workers for process in worker.processes}
    shared: dict[int, list[Carried]] = defaultdict(list)
    for work in works:
        if work.worker in owner:
            shared[owner[work.worker]].append(work)
    return shared


def waiting_jobs() -> list[Job]:
    """Jobs that no worker has taken, the oldest first."""
    return [job for kind in kinds_of_jobs() for job in _jobs(kind, JobState.QUEUED).order_by("pk")]


def _jobs(kind: type[Job], state: JobState) -> "QuerySet[Job]":
    """With what names and addresses need, and without what is large."""
    jobs: QuerySet[Job] = kind._default_manager.filter(state=state).defer("config", "report")
    return jobs.select_related(*kind.named_by) if kind.named_by else jobs


def places(workers: Sequence[Worker] | None = None, works: Sequence[Carried] | None = None) -> dict[int, Place]:
    """Of every run that waits, in the order in which they are taken."""
    columns = Run.objects.filter(status=RunStatus.QUEUED).order_by(F("queued_at").asc(nulls_last=True), "pk")
    queued = [(pk, demand_in({"hardware": given})) for pk, given in columns.values_list("pk", "config__hardware")]
    if not queued:
        return {}
    workers = list(registered(TRAINING_QUEUE)) if workers is None else workers
    busy = by_worker(workers, carried() if works is None else works)
    found: dict[int, Place] = {}
    earlier: Counter[frozenset[int]] = Counter()
    for run_id, demand in queued:
        servers = [worker for worker in workers if demand.fits(worker.gpus_now)]
        keys = frozenset(worker.pk for worker in servers)
        before = sum(count for others, count in earlier.items() if keys & others or not (keys or others))
        free = any(len(busy[each.pk]) < each.concurrency and _has_free(demand, each, busy) for each in servers)
        words = "Starts in a moment." if free else _waits_for(demand, workers, servers, busy)
        found[run_id] = Place(before, words, not servers, free)
        earlier[keys] += 1
    return found


def _waits_for(
    demand: Demand, workers: Sequence[Worker], servers: Sequence[Worker], busy: dict[int, list[Carried]]
) -> str:
    if not workers:
        return "Waits for a worker; none is registered."
    if not servers:
        return f"Waits for a machine with {demand.in_words}; none is registered."
    ending = [work.in_words for worker in servers for work in busy[worker.pk]]
    if len(servers) == 1 and ending:
        return f"Waits for {ending[0]} to end."
    asked = f" with {demand.in_words}" if demand.needs_gpu or demand.count > 1 else ""
    return (
        f"Waits for one of {len(servers)} machines{asked} to be free." if len(servers) > 1 else "Waits for free GPUs."
    )


def _has_free(demand: Demand, worker: Worker, busy: dict[int, list[Carried]]) -> bool:
    taken = {uuid for works in busy.values() for work in works for uuid in work.gpus}
    return demand.allot(worker.gpus_now, taken) is not None
