"""Starts teachings, stores what came of them, deletes them; in between they are jobs (`webapp.core.job_states`)."""

import uuid
from collections.abc import Iterable

from django.db import transaction

from training.config.teach import TeachConfig
from training.problems.types import Problem
from training.reading import Accepted
from training.teaching.figures import Figures
from webapp.accounts.models import User
from webapp.core import job_states
from webapp.core.errors import UserError
from webapp.datasets.services import store_problem_set
from webapp.teaching.models import TeachingJob
from workers import queue

LONGEST_SOURCE = 400


def start_teaching(config: TeachConfig, name: str, *, user: User, start_id: uuid.UUID) -> TeachingJob:
    """A queued job; the same ``start_id`` always means the same one. Raises UserError when the broker is away."""
    with transaction.atomic():
        job, made = TeachingJob.objects.get_or_create(
            start_id=start_id,
            defaults={"config": config.model_dump(mode="json"), "name": name, "created_by": user},
        )
        if made:
            queue.teach(job.pk)
    return job


def delete_teaching(job: TeachingJob) -> None:
    """Remove the job with its answers; a set it made stays. Raises UserError while it is under way."""
    with transaction.atomic():
        job = TeachingJob.objects.select_for_update().get(pk=job.pk)
        if job.is_unfinished:
            raise UserError("This teaching is under way. Stop it first.", status=409)
        job.delete()


@transaction.atomic
def finish(job: TeachingJob, problems: Iterable[Problem], figures: Figures) -> bool:
    """Store the set and end the job, both or neither; False when the job is this worker's no more."""
    if not job_states.succeed(job, figures):
        return False
    made = store_problem_set(
        (_accepted(row, problem) for row, problem in enumerate(problems, start=1)),
        name=job.name,
        description="",
        source=job.provenance[:LONGEST_SOURCE],
        mapping={"solution": "solution", "level": "level"},
        report={"teaching": figures},
        user=job.created_by,
    )
    TeachingJob.objects.filter(pk=job.pk).update(problem_set=made)
    return True


def _accepted(row: int, problem: Problem) -> Accepted:
    return Accepted(
        source="teaching", row=row, prompt=problem.prompt, answer=problem.answer, solution=problem.solution or "",
        split=problem.split, level=problem.level[:40], note="",
    )  # fmt: skip
