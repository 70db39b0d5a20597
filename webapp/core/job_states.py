"""What users and workers change about jobs. Each change names the state it expects, so that none is done twice.

A worker's changes name its attempt as well: one that was given up for dead and yet goes on changes nothing.
"""

from collections.abc import Callable, Sequence
from typing import Any, TypeVar

from django.db import transaction
from django.db.models import F, QuerySet
from django.utils import timezone

from webapp.core.errors import UserError
from webapp.core.jobs import AGAIN, Job, JobState

AnyJob = TypeVar("AnyJob", bound=Job)
Send = Callable[[int], None]
"""Asks a worker to carry the job of a number, such as `workers.queue.generate_items`."""

MOST_LOSSES = 3
"""How often a job whose worker vanished is given to another by itself."""


def stop(job: Job) -> None:
    """Have it end without a result. Raises UserError when it has ended."""
    jobs = _rows(job).filter(pk=job.pk)
    ended = {"state": JobState.STOPPED, "ended_at": timezone.now()}
    if jobs.filter(state=JobState.QUEUED).update(**ended, **job.kept_at_end()):
        return
    if not jobs.filter(state=JobState.RUNNING).update(stop_requested=True):
        raise UserError(f"This {job.noun} has ended already.", status=409)


def go_on(job: Job, send: Send) -> None:
    """Queue a failed or stopped job again; it keeps what it has. Raises UserError when it cannot go on."""
    fresh = {"state": JobState.QUEUED, "stop_requested": False, "losses": 0, "error": "", "ended_at": None}
    with transaction.atomic():
        if not _rows(job).filter(pk=job.pk, state__in=AGAIN).update(**fresh):
            raise UserError(f"This {job.noun} is under way or done, so there is nothing to go on with.", status=409)
        send(job.pk)


def claim(kind: type[AnyJob], job_id: int, worker: str, gpus: Sequence[str] = ()) -> AnyJob | None:
    """Take a queued job, for a child that gets GPUs of these uuids; None when it is not there to take."""
    changes: dict[str, Any] = {
        "state": JobState.RUNNING, "worker": worker, "gpus": list(gpus), "heartbeat_at": timezone.now(),
    }  # fmt: skip
    jobs: QuerySet[AnyJob] = kind._default_manager.filter(pk=job_id)
    if not jobs.filter(state=JobState.QUEUED).update(attempt=F("attempt") + 1, **changes):
        return None
    return jobs.get()


def heartbeat(job: Job, done: int, total: int, **figures: Any) -> bool | None:
    """Say that its worker lives and how far it is. Whether to stop; None when the job is this worker's no more."""
    mine = held(job)
    if not mine.update(heartbeat_at=timezone.now(), done=done, total=total, **figures):
        return None
    return bool(mine.values_list("stop_requested", flat=True).first())


def succeed(job: Job, report: dict[str, Any]) -> bool:
    """End it with what came of it; False when the job is this worker's no more. To be called in a transaction."""
    ended = {"state": JobState.SUCCEEDED, "ended_at": timezone.now(), "error": "", "report": report}
    return bool(held(job).update(**ended, done=F("total"), **job.kept_at_end()))


def end(job: Job, state: JobState, error: str = "") -> None:
    """End it without a result."""
    held(job).update(state=state, error=error, ended_at=timezone.now(), **job.kept_at_end())


def hand_back(job: Job) -> None:
    """The worker ends, not the job: another one goes on with it."""
    held(job).update(state=JobState.QUEUED)


def take_from_lost_worker(job: Job) -> None:
    """Queue it again, a few times; then it has failed."""
    if job.stop_requested:
        end(job, JobState.STOPPED)
    elif job.losses < MOST_LOSSES:
        held(job).update(state=JobState.QUEUED, losses=F("losses") + 1)
    else:
        words = f"Its worker vanished {MOST_LOSSES + 1} times. See whether the machine has memory enough, then go on."
        end(job, JobState.FAILED, words)


def held(job: Job) -> QuerySet[Job]:
    """The job's row as long as it is the worker's whose attempt this is."""
    return _rows(job).filter(pk=job.pk, attempt=job.attempt, state=JobState.RUNNING)


def _rows(job: Job) -> QuerySet[Job]:
    rows: QuerySet[Job] = type(job)._default_manager.all()
    return rows
