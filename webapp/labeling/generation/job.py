"""The row of a generation: what was asked, and where it stands."""

from datetime import timedelta
from pathlib import Path

from django.conf import settings
from django.db import models
from django.utils import timezone


class JobState(models.TextChoices):
    """Where a generation stands."""

    QUEUED = "queued", "Queued"
    RUNNING = "running", "Running"
    SUCCEEDED = "succeeded", "Done"
    FAILED = "failed", "Failed"
    STOPPED = "stopped", "Stopped"


UNFINISHED = (JobState.QUEUED, JobState.RUNNING)
"""States of a job that a worker will go on with by itself."""

AGAIN = (JobState.FAILED, JobState.STOPPED)
"""States from which a user can have it go on."""

TONES = {JobState.SUCCEEDED: "good", JobState.FAILED: "bad", JobState.RUNNING: "info"}


class GenerationJob(models.Model):
    """Models answering prompts for a project. All its items are added at once, in the transaction that ends it."""

    project = models.ForeignKey("labeling.LabelProject", models.CASCADE, related_name="generations")
    start_id = models.UUIDField(unique=True)
    """Made with the form: the same form sent twice starts one job."""
    config = models.JSONField()
    """A ``training.config.generate.GenerationConfig``."""
    state = models.CharField(max_length=10, choices=JobState, default=JobState.QUEUED)
    attempt = models.PositiveIntegerField(default=0)
    """Counts the workers that took it; only the latest may write here."""
    losses = models.PositiveSmallIntegerField(default=0)
    """Workers lost since a user last started it."""
    worker = models.CharField(max_length=160, blank=True)
    stop_requested = models.BooleanField(default=False)
    done = models.PositiveIntegerField(default=0)
    total = models.PositiveIntegerField(default=0)
    """Prompts to be answered, each counted once a model; 0 while that is not known."""
    report = models.JSONField(default=dict)
    """Of one that succeeded: ``items`` added, ``responses`` in them, ``short`` ones with fewer responses than wanted,
    ``left_out`` prompts, ``same`` texts that were shown once though two models wrote them, ``too_long`` prompts."""
    error = models.TextField(blank=True)
    heartbeat_at = models.DateTimeField(null=True)
    created_by = models.ForeignKey(settings.AUTH_USER_MODEL, models.SET_NULL, null=True, related_name="+")
    created_at = models.DateTimeField(auto_now_add=True)
    ended_at = models.DateTimeField(null=True)

    class Meta:
        ordering = ["-id"]
        indexes = [
            models.Index(
                fields=["id"], condition=models.Q(state__in=["queued", "running"]), name="generation_unfinished"
            )
        ]

    def __str__(self) -> str:
        return f"generation {self.pk}"

    @property
    def folder(self) -> Path:
        """Where its config and responses lie until it has succeeded."""
        return settings.GENERATIONS_DIR / str(self.pk)

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
    def is_silent(self) -> bool:
        """Whether nothing was heard of its worker for long."""
        limit = timedelta(seconds=settings.HEARTBEAT_LOST_SECONDS)
        return self.heartbeat_at is None or timezone.now() - self.heartbeat_at > limit
