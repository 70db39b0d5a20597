"""Rows that sandbox workers write, and programs that users ran by hand."""

from datetime import timedelta

from django.conf import settings
from django.db import models
from django.utils import timezone

from training.sandbox.types import Call, ExecutionResult, Limits, SandboxStatus
from webapp.core.registered import RegisteredWorker

HEARTBEAT_S = 2.0
SILENCE = timedelta(seconds=15)
"""A worker that has not been heard of for so long is lost."""
SAMPLE_S = 5.0
KEPT_SAMPLES = timedelta(hours=25)
KEPT_WORKERS = timedelta(days=1)
KEPT_CONSOLE_CALLS = 500
PATIENCE = timedelta(seconds=3)
BUCKETS_A_DECADE = 20
"""Of durations in samples: neighbours differ by 12 %, so that a percentile read off them is within 6 %."""


class WorkerState(models.TextChoices):
    """What a worker said last."""

    READY = "ready", "Ready"
    REFUSED = "refused", "Refused to start"
    STOPPED = "stopped", "Stopped"


class SandboxWorker(RegisteredWorker):
    """A worker that runs models' programs."""

    silence = SILENCE

    state = models.CharField(max_length=8, choices=WorkerState)
    message = models.TextField(blank=True)
    """Why it refused."""
    values = models.JSONField(default=dict)
    """`SandboxStatus.as_dict`."""

    class Meta:
        ordering = ["name"]

    @property
    def status(self) -> SandboxStatus | None:
        """Its sandbox at the last heartbeat; None when it never had one."""
        return SandboxStatus.from_dict(self.values) if self.values else None


class SandboxSample(models.Model):
    """What a worker did in a few seconds; written only while there is something to do."""

    worker = models.CharField(max_length=200)
    at = models.DateTimeField()
    """End of those seconds."""
    seconds = models.FloatField()
    outcomes = models.JSONField(default=dict)
    """Calls that ended, by status."""
    in_flight = models.PositiveIntegerField()
    queued = models.PositiveIntegerField()
    total = models.JSONField(default=dict)
    """Time from asking to answering, as counts by bucket: `BUCKETS_A_DECADE` for each power of ten of milliseconds."""
    wall = models.JSONField(default=dict)
    """The same of the programs' own time."""

    class Meta:
        indexes = [models.Index(fields=["at"], name="sandbox_sample_by_time")]

    def __str__(self) -> str:
        return f"{self.worker} at {self.at}"


class ConsoleCall(models.Model):
    """A program that a user ran by hand."""

    program = models.TextField()
    stdin = models.TextField(blank=True)
    limits = models.JSONField()
    source = models.BigIntegerField(null=True)
    """Id of the call of a response that it repeats, perhaps changed. No foreign key: calls go with their run."""
    worker = models.CharField(max_length=200, blank=True)
    """Who took it; empty while it waits."""
    values = models.JSONField(null=True)
    """`ExecutionResult.as_dict`; null until it has ended."""
    created_by = models.ForeignKey(settings.AUTH_USER_MODEL, models.SET_NULL, null=True, related_name="+")
    created_at = models.DateTimeField(default=timezone.now)

    class Meta:
        ordering = ["-id"]

    def __str__(self) -> str:
        return f"console call {self.pk}"

    @property
    def waits_long(self) -> bool:
        """Whether nobody took it for longer than a worker with nothing else to do needs."""
        return not self.worker and timezone.now() - self.created_at > PATIENCE

    @property
    def call(self) -> Call:
        """For an executor."""
        return Call(f"console-{self.pk}", self.program, self.stdin, Limits(**self.limits))

    @property
    def result(self) -> ExecutionResult | None:
        """None until it has ended."""
        return ExecutionResult.from_dict(self.values) if self.values else None
