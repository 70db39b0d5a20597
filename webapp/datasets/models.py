"""Problem sets, their problems, and the imports that make them."""

from datetime import timedelta
from pathlib import Path

from django.conf import settings
from django.db import models
from django.utils import timezone

FETCH_SILENCE = timedelta(seconds=60)
"""A download that has not been heard of for so long has lost its worker."""


class ProblemSet(models.Model):
    """An imported set; its problems never change, so that a run's data can be told by the set's name."""

    slug = models.SlugField(max_length=80, unique=True)
    name = models.CharField(max_length=120)
    description = models.TextField(blank=True)
    source = models.CharField(max_length=400)
    """File name or hub name it came from."""
    mapping = models.JSONField(default=dict)
    """Which column became which field."""
    report = models.JSONField(default=dict)
    """What the import found: counts, refused rows with reasons, duplicates, split."""
    train_count = models.PositiveIntegerField(default=0)
    heldout_count = models.PositiveIntegerField(default=0)
    solution_count = models.PositiveIntegerField(default=0)
    content_hash = models.CharField(max_length=64)
    created_by = models.ForeignKey(settings.AUTH_USER_MODEL, models.SET_NULL, null=True, related_name="+")
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering = ["-created_at"]

    def __str__(self) -> str:
        return self.name


class Problem(models.Model):
    """One problem with its reference answer, and a worked solution or a transcript where the set has one."""

    problem_set = models.ForeignKey(ProblemSet, models.CASCADE, related_name="problems")
    number = models.PositiveIntegerField()
    split = models.CharField(max_length=8)
    prompt = models.TextField()
    answer = models.TextField()
    """Empty where there is none: responses cannot be checked then, but the solution can be learned from."""
    solution = models.TextField(blank=True)
    turns = models.JSONField(default=list, blank=True)
    """A demonstration in turns instead of a solution: each with role (model or tool) and text."""
    level = models.CharField(max_length=40, blank=True)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["problem_set", "number"], name="problem_number_once_a_set")]

    def __str__(self) -> str:
        return f"{self.problem_set_id}/{self.number}"


class StepTotals(models.Model):
    """What the splitter makes of a whole set under some settings, as far as it was computed; sets never change."""

    key = models.CharField(max_length=64, unique=True)
    """Hash of the set's contents and the settings."""
    tally = models.JSONField()
    """``webapp.datasets.step_totals.Tally`` as JSON."""
    updated_at = models.DateTimeField(auto_now=True, db_index=True)

    def __str__(self) -> str:
        return self.key


class ImportState(models.TextChoices):
    """Where an import stands."""

    FETCHING = "fetching", "Downloading"
    FAILED = "failed", "Download failed"
    READY = "ready", "To be checked"
    DONE = "done", "Imported"


class Import(models.Model):
    """Files on their way to becoming a problem set: which column is what, and what the check of all rows found."""

    source = models.CharField(max_length=400)
    """File names, or the hub name, for people."""
    state = models.CharField(max_length=10, choices=ImportState, default=ImportState.READY)
    hub = models.JSONField(default=dict, blank=True)
    """For a set of the Hugging Face hub: name, subset, split, revision."""
    files = models.JSONField(default=list, blank=True)
    """Each file: path (relative to the import's folder), format, name, role, size in bytes."""
    message = models.TextField(blank=True)
    """Why the download failed, and what to do."""
    fetched_bytes = models.BigIntegerField(default=0)
    total_bytes = models.BigIntegerField(default=0)
    heartbeat_at = models.DateTimeField(default=timezone.now)
    """When the download was last heard of."""
    plan = models.JSONField(default=dict, blank=True)
    """``training.reading.ImportPlan`` as JSON."""
    report = models.JSONField(default=dict, blank=True)
    """What the check of all rows under this plan found; empty before it."""
    problem_set = models.OneToOneField(ProblemSet, models.CASCADE, null=True, related_name="import_record")
    created_by = models.ForeignKey(settings.AUTH_USER_MODEL, models.SET_NULL, null=True, related_name="+")
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering = ["-created_at"]

    def __str__(self) -> str:
        return self.source

    @property
    def folder(self) -> Path:
        """Where its files lie until it is imported or discarded."""
        return settings.UPLOADS_DIR / str(self.pk)

    @property
    def is_lost(self) -> bool:
        """Whether its download has lost its worker."""
        return self.state == ImportState.FETCHING and timezone.now() - self.heartbeat_at > FETCH_SILENCE


class RefusedRow(models.Model):
    """A row that an import cannot use, and why."""

    source_import = models.ForeignKey(Import, models.CASCADE, related_name="refused_rows", db_index=False)
    position = models.PositiveIntegerField()
    file = models.CharField(max_length=255)
    row = models.PositiveIntegerField()
    """Line of the file (JSON Lines, CSV) or position in it (JSON, Parquet), from 1."""
    reason = models.TextField()
    raw = models.TextField()

    class Meta:
        constraints = [models.UniqueConstraint(fields=["source_import", "position"], name="refused_once_an_import")]

    def __str__(self) -> str:
        return f"{self.file}, row {self.row}: {self.reason}"
