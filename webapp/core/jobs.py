"""The row of a job: work that a worker carries in a child process, that can be stopped, and that goes on where it was.

An app's job derives from `Job` and says where it keeps its files; `webapp.core.job_states` changes it, `workers.jobs`
carries it, `workers.maintenance` finds it again when its worker is gone.
"""

import shutil
from datetime import timedelta
from functools import partial
from pathlib import Path
from typing import Any, ClassVar

from django.apps import apps
from django.conf import settings
from django.db import models, transaction
from django.utils import timezone


class JobState(models.TextChoices):
    """Where a job stands."""

    QUEUED = "queued", "Queued"
    RUNNING = "running", "Running"
    SUCCEEDED = "succeeded", "Done"
    FAILED = "failed", "Failed"
    STOPPED = "stopped", "Stopped"


UNFINISHED = (JobState.QUEUED, JobState.RUNNING)
"""States of a job that a worker will go on with by itself."""

AGAIN = (JobState.FAILED, JobState.STOPPED)
"""States from which a user can have it go on."""

ICONS = {
    JobState.QUEUED: "◷", JobState.RUNNING: "▶", JobState.SUCCEEDED: "✓", JobState.FAILED: "✕", JobState.STOPPED: "■",
}  # fmt: skip
TONES = {JobState.SUCCEEDED: "good", JobState.FAILED: "bad", JobState.RUNNING: "info"}


class Job(models.Model):
    """What every kind of job has."""

    noun = "job"
    """What people call it."""
    named_by: ClassVar[tuple[str, ...]] = ()
    """Relations that its name and address are made of."""

    start_id = models.UUIDField(unique=True)
    """Made with the form: the same form sent twice starts one job."""
    config = models.JSONField()
    """What its child process reads, as a config of `training.config`."""
    state = models.CharField(max_length=10, choices=JobState, default=JobState.QUEUED)
    attempt = models.PositiveIntegerField(default=0)
    """Counts the workers that took it; only the latest may write here."""
    losses = models.PositiveSmallIntegerField(default=0)
    """Workers lost since a user last started it."""
    worker = models.CharField(max_length=160, blank=True)
    gpus = models.JSONField(default=list)
    """Uuids of the GPUs that its child has, or had last; no run and no other job gets them meanwhile."""
    stop_requested = models.BooleanField(default=False)
    done = models.PositiveIntegerField(default=0)
    total = models.PositiveIntegerField(default=0)
    """Of what the job counts; 0 while that is not known."""
    report = models.JSONField(default=dict)
    """What came of it."""
    error = models.TextField(blank=True)
    heartbeat_at = models.DateTimeField(null=True)
    created_by = models.ForeignKey(settings.AUTH_USER_MODEL, models.SET_NULL, null=True, related_name="+")
    created_at = models.DateTimeField(auto_now_add=True)
    ended_at = models.DateTimeField(null=True)

    class Meta:
        abstract = True

    def __str__(self) -> str:
        return f"{self.noun} {self.pk}"

    def get_absolute_url(self) -> str:
        """Its page."""
        raise NotImplementedError

    @property
    def folder(self) -> Path:
        """Where its config and what its child writes lie."""
        raise NotImplementedError

    def kept_at_end(self) -> dict[str, Any]:
        """Further columns and their values, stored with the change that ends it: what its row keeps of its files."""
        return {}

    @property
    def is_unfinished(self) -> bool:
        return self.state in UNFINISHED

    @property
    def can_go_on(self) -> bool:
        return self.state in AGAIN

    @property
    def tone(self) -> str:
        """Name of the colour token."""
        return TONES.get(JobState(self.state), "")

    @property
    def icon(self) -> str:
        return ICONS[JobState(self.state)]

    @property
    def is_silent(self) -> bool:
        """Whether nothing was heard of its worker for long."""
        limit = timedelta(seconds=settings.HEARTBEAT_LOST_SECONDS)
        return self.heartbeat_at is None or timezone.now() - self.heartbeat_at > limit


def kinds_of_jobs() -> list[type[Job]]:
    """Every kind that an app has."""
    return [kind for kind in apps.get_models() if issubclass(kind, Job)]


def remove_folder(instance: Job, **_: Any) -> None:
    """For the signal ``post_delete``: remove a job's files once the deletion stands.

    A worker that still writes there removes the rest when it notices.
    """
    transaction.on_commit(partial(shutil.rmtree, instance.folder, ignore_errors=True))
