"""Starts generations and adds what came of them; what happens in between is any job's (`webapp.core.job_states`)."""

import uuid

from django.db import transaction

from training.config.generate import GenerationConfig
from webapp.accounts.models import User
from webapp.core import job_states
from webapp.labeling.generation.assembling import Assembled
from webapp.labeling.generation.job import GenerationJob
from webapp.labeling.items import add_items
from webapp.labeling.models import LabelProject
from workers import queue


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


@transaction.atomic
def finish(job: GenerationJob, assembled: Assembled) -> bool:
    """Add the items and end the job, both or neither; False when the job is this worker's no more."""
    if not job_states.succeed(job, assembled.report):
        return False
    add_items(job.project, assembled.drafts)
    return True
