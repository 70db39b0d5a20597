"""Problem sets and their problems."""

from django.conf import settings
from django.db import models


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
    """One problem with its reference answer, and a worked solution where the set has one."""

    problem_set = models.ForeignKey(ProblemSet, models.CASCADE, related_name="problems")
    number = models.PositiveIntegerField()
    split = models.CharField(max_length=8)
    prompt = models.TextField()
    answer = models.TextField()
    solution = models.TextField(blank=True)
    level = models.CharField(max_length=40, blank=True)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["problem_set", "number"], name="problem_number_once_a_set")]

    def __str__(self) -> str:
        return f"{self.problem_set_id}/{self.number}"
