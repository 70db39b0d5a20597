"""A run and what is known about it: figures, checkpoints, alerts. What it produced lives in ``inspection``."""

import uuid
from datetime import timedelta
from pathlib import Path

from django.conf import settings
from django.db import models

from webapp.runs.status import RunStatus


def method_title(kind: str) -> str:
    """What a method is called: most are abbreviations."""
    return {"reward_model": "Reward model", "deepsearch": "DeepSearch"}.get(kind) or kind.upper()


class StopRequest(models.TextChoices):
    """What a user asked of a running run."""

    NONE = "", "None"
    SAVE = "save", "Stop and save"
    NOW = "now", "Stop now"


class Run(models.Model):
    """One run, from queued to done. ``config`` is the fully resolved ``RunConfig`` and never changes."""

    name = models.CharField(max_length=120)
    start_id = models.UUIDField(default=uuid.uuid4, unique=True)
    """Made by the browser: the same form sent twice starts one run."""
    status = models.CharField(max_length=12, choices=RunStatus, default=RunStatus.QUEUED)
    config = models.JSONField()
    method = models.CharField(max_length=24)
    """``config.method.kind``, for filters."""
    problems = models.CharField(max_length=120)
    """What the run trains on, in words, for lists."""
    group = models.CharField(max_length=80, blank=True)
    """Runs with the same group name are averaged together."""
    notes = models.TextField(blank=True)
    cloned_from = models.ForeignKey("self", models.SET_NULL, null=True, related_name="clones")
    created_by = models.ForeignKey(settings.AUTH_USER_MODEL, models.SET_NULL, null=True, related_name="runs")
    created_at = models.DateTimeField(auto_now_add=True)
    started_at = models.DateTimeField(null=True)
    ended_at = models.DateTimeField(null=True)
    idle = models.DurationField(default=timedelta())
    """Time between its attempts: while it was stopped, lost, or waited to go on."""
    archived = models.BooleanField(default=False)

    attempt = models.PositiveIntegerField(default=0)
    """Fencing number: raised by every claim; writers of an older attempt are refused."""
    automatic_resumes = models.PositiveIntegerField(default=0)
    """How often maintenance requeued it after its worker vanished."""
    queued_at = models.DateTimeField(null=True)
    heartbeat_at = models.DateTimeField(null=True)
    worker = models.CharField(max_length=120, blank=True)
    gpus = models.JSONField(default=list)
    """Uuids of the GPUs that its trainer has, or had last; no other run gets them meanwhile."""
    stop_requested = models.CharField(max_length=4, choices=StopRequest, default=StopRequest.NONE, blank=True)
    events_offset = models.BigIntegerField(default=0)
    """Bytes of events.jsonl that stand in the database."""
    exit_code = models.IntegerField(null=True)
    error = models.TextField(blank=True)
    """Last lines the trainer wrote before it failed."""
    failure = models.JSONField(default=dict)
    """What memory ran out and when (``training.events.Failed``), where that ended it; empty otherwise."""

    step = models.PositiveIntegerField(default=0)
    total_steps = models.PositiveIntegerField(default=0)
    phase = models.CharField(max_length=16, blank=True)
    phase_since = models.DateTimeField(null=True)
    phase_done = models.PositiveIntegerField(default=0)
    phase_total = models.PositiveIntegerField(default=0)
    train_seconds = models.FloatField(default=0)
    """Sum of the step times so far, over all attempts."""
    latest = models.JSONField(default=dict)
    """Latest value of each metric."""
    rewinds = models.PositiveIntegerField(default=0)
    """How often rows of later steps were taken back (a resume): pages that follow a run then read it anew."""

    class Meta:
        ordering = ["-id"]
        indexes = [models.Index(fields=["archived", "-id"]), models.Index(fields=["status"])]

    def __str__(self) -> str:
        return f"{self.name} (run {self.pk})"

    @property
    def state(self) -> RunStatus:
        return RunStatus(self.status)

    @property
    def method_title(self) -> str:
        """Its method in words."""
        return method_title(self.method)

    @property
    def host(self) -> str:
        """Machine that its worker runs on."""
        return self.worker.partition(":")[0]

    @property
    def failure_words(self) -> tuple[str, str]:
        """Of ``error``, what happened in a sentence and the last lines that the trainer wrote."""
        told, _, lines = self.error.partition("\n\n")
        return told, lines

    @property
    def folder(self) -> Path:
        """RUN_DIR: config, events, log and checkpoints."""
        return settings.RUNS_DIR / str(self.pk)


class MetricSeries(models.Model):
    """A metric of a run."""

    run = models.ForeignKey(Run, models.CASCADE, related_name="series")
    name = models.CharField(max_length=80)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["run", "name"], name="series_once_a_run")]

    def __str__(self) -> str:
        return self.name


class MetricPoint(models.Model):
    """The value of a series at a step; null where it was not finite."""

    pk = models.CompositePrimaryKey("series_id", "step")
    series = models.ForeignKey(MetricSeries, models.CASCADE, related_name="points", db_index=False)
    step = models.PositiveIntegerField()
    value = models.FloatField(null=True)

    def __str__(self) -> str:
        return f"{self.step}: {self.value}"


ROLLUP_LEVELS = (4, 8, 12)
"""A rollup of level k covers 2^k steps; powers of two stay put while points arrive."""


class MetricRollup(models.Model):
    """Steps ``bin << level`` up to the next bin, summed up, so that a chart of any length asks for few rows."""

    pk = models.CompositePrimaryKey("series_id", "level", "bin")
    series = models.ForeignKey(MetricSeries, models.CASCADE, related_name="rollups", db_index=False)
    level = models.PositiveSmallIntegerField()
    bin = models.PositiveIntegerField()
    minimum = models.FloatField(null=True)
    maximum = models.FloatField(null=True)
    total = models.FloatField()
    """Sum of the finite values."""
    count = models.PositiveIntegerField()
    """Number of finite values."""
    last = models.FloatField(null=True)
    last_step = models.PositiveIntegerField()

    def __str__(self) -> str:
        return f"{self.level}/{self.bin}"


class Checkpoint(models.Model):
    """A saved state of a run; the row outlives the files, for history."""

    run = models.ForeignKey(Run, models.CASCADE, related_name="checkpoints")
    step = models.PositiveIntegerField()
    path = models.CharField(max_length=200)
    """Relative to the run's folder."""
    size = models.BigIntegerField()
    score = models.FloatField(null=True)
    best = models.BooleanField(default=False)
    pinned = models.BooleanField(default=False)
    saved_at = models.DateTimeField()
    removed_at = models.DateTimeField(null=True)

    class Meta:
        ordering = ["step"]
        constraints = [models.UniqueConstraint(fields=["run", "step"], name="checkpoint_once_a_step")]

    def __str__(self) -> str:
        return f"run {self.run_id} step {self.step}"

    @property
    def folder(self) -> Path:
        return self.run.folder / self.path


class Alert(models.Model):
    """Something that looked wrong, in words."""

    run = models.ForeignKey(Run, models.CASCADE, related_name="alerts")
    step = models.PositiveIntegerField()
    code = models.CharField(max_length=40)
    severity = models.CharField(max_length=8)
    message = models.TextField()
    advice = models.TextField()
    metric = models.CharField(max_length=80, blank=True)
    at = models.DateTimeField()

    class Meta:
        ordering = ["-step", "-id"]
        indexes = [models.Index(fields=["run", "step"])]

    def __str__(self) -> str:
        return self.message


class ProblemSelection(models.Model):
    """Which of its training problems a run took before its first step, and why it left out the others."""

    run = models.OneToOneField(Run, models.CASCADE, related_name="selection")
    told = models.JSONField()
    """What the trainer said: ``training.events.ProblemsSelected`` without kind, step and time."""

    def __str__(self) -> str:
        return f"selection of run {self.run_id}"


class SavedView(models.Model):
    """A list or comparison that a user named: its address is its state."""

    owner = models.ForeignKey(settings.AUTH_USER_MODEL, models.CASCADE, related_name="saved_views")
    name = models.CharField(max_length=80)
    page = models.CharField(max_length=16)
    query = models.TextField()
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering = ["name"]
        constraints = [models.UniqueConstraint(fields=["owner", "page", "name"], name="view_name_once_an_owner")]

    def __str__(self) -> str:
        return self.name
