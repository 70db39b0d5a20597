"""What users and workers change about generations. Each change names the state it expects, so that none is done twice.

A worker's changes name its attempt as well: one that was given up for dead and yet goes on changes nothing.
"""

import uuid
from typing import Any

from django.db import transaction
from django.db.models import F, QuerySet
from django.utils import timezone

from training.config.generate import GenerationConfig
from webapp.accounts.models import User
from webapp.core.errors import UserError
from webapp.labeling.generation.assembling import Assembled
from webapp.labeling.generation.job import AGAIN, GenerationJob, JobState
from webapp.labeling.items import add_items
from webapp.labeling.models import LabelProject
from workers import queue

MOST_LOSSES = 3
"""How often a job whose worker vanished is given to another by itself."""


def start_generation(
    project: LabelProject, config: GenerationConfig, *, user: User, start_id: uuid.UUID
) -> GenerationJob:
    """A queued job; the same ``start_id`` always means the same one. Raises UserError when the broker is away."""
    with transaction.atomic():
        job, made = GenerationJob.objects.get_or_create(
            start_id=start_id,
            defaults={"project": project, "config": config.model_dump(mode="json"), "created_by": user},
        )
        if made:
            queue.generate_items(job.pk)
    return job


def stop_generation(job: GenerationJob) -> None:
    """Have it end without adding items. Raises UserError when it has ended."""
    jobs = GenerationJob.objects.filter(pk=job.pk)
    if jobs.filter(state=JobState.QUEUED).update(state=JobState.STOPPED, ended_at=timezone.now()):
        return
    if not jobs.filter(state=JobState.RUNNING).update(stop_requested=True):
        raise UserError("This generation has ended already.", status=409)


def go_on(job: GenerationJob) -> None:
    """Queue a failed or stopped job again; it keeps the responses it has. Raises UserError when it cannot go on."""
    fresh = {"state": JobState.QUEUED, "stop_requested": False, "losses": 0, "error": "", "ended_at": None}
    with transaction.atomic():
        if not GenerationJob.objects.filter(pk=job.pk, state__in=AGAIN).update(**fresh):
            raise UserError("This generation is under way or done, so there is nothing to go on with.", status=409)
        queue.generate_items(job.pk)


def claim(job_id: int, worker: str) -> GenerationJob | None:
    """Take a queued job; None when it is not there to take."""
    changes: dict[str, Any] = {"state": JobState.RUNNING, "worker": worker, "heartbeat_at": timezone.now()}
    queued = GenerationJob.objects.filter(pk=job_id, state=JobState.QUEUED)
    if not queued.update(attempt=F("attempt") + 1, **changes):
        return None
    return GenerationJob.objects.select_related("project").get(pk=job_id)


def heartbeat(job: GenerationJob, done: int, total: int) -> bool | None:
    """Say that its worker lives and how far it is. Whether to stop; None when the job is this worker's no more."""
    mine = _held(job)
    if not mine.update(heartbeat_at=timezone.now(), done=done, total=total):
        return None
    return bool(mine.values_list("stop_requested", flat=True).first())


@transaction.atomic
def finish(job: GenerationJob, assembled: Assembled) -> bool:
    """Add the items and end the job, both or neither; False when the job is this worker's no more."""
    ended = {"state": JobState.SUCCEEDED, "ended_at": timezone.now(), "error": "", "report": assembled.report}
    if not _held(job).update(**ended, done=F("total")):
        return False
    add_items(job.project, assembled.drafts)
    return True


def end(job: GenerationJob, state: JobState, error: str = "") -> None:
    """End it without items."""
    _held(job).update(state=state, error=error, ended_at=timezone.now())


def hand_back(job: GenerationJob) -> None:
    """The worker ends, not the job: another one goes on with it."""
    _held(job).update(state=JobState.QUEUED)


def take_from_lost_worker(job: GenerationJob) -> None:
    """Queue it again, a few times; then it has failed."""
    if job.stop_requested:
        end(job, JobState.STOPPED)
    elif job.losses < MOST_LOSSES:
        _held(job).update(state=JobState.QUEUED, losses=F("losses") + 1)
    else:
        words = f"Its worker vanished {MOST_LOSSES + 1} times. See whether the machine has memory enough, then go on."
        end(job, JobState.FAILED, words)


def _held(job: GenerationJob) -> QuerySet[GenerationJob]:
    return GenerationJob.objects.filter(pk=job.pk, attempt=job.attempt, state=JobState.RUNNING)
