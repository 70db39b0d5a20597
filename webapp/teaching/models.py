"""The row of a teaching: what was asked of whom, how far it is, and the problem set it made."""

from pathlib import Path

from django.conf import settings
from django.db import models
from django.urls import reverse

from training.config.teach import TeachConfig, name_of, problems_name
from webapp.core.jobs import Job
from webapp.datasets.models import ProblemSet


class TeachingJob(Job):
    """A teacher solving problems. The new set is stored in the transaction that ends it.

    ``config`` is a `training.config.teach.TeachConfig`; ``done`` and ``total`` count problems; ``report`` holds the
    figures so far (`training.teaching.figures`).
    """

    noun = "teaching"

    name = models.CharField(max_length=120)
    """Of the set it makes."""
    problem_set = models.OneToOneField(ProblemSet, models.SET_NULL, null=True, related_name="teaching")
    """What it made; None before its end, and once the set was deleted."""

    class Meta:
        ordering = ["-id"]
        indexes = [
            models.Index(fields=["id"], condition=models.Q(state__in=["queued", "running"]), name="teaching_unfinished")
        ]

    def get_absolute_url(self) -> str:
        return reverse("teaching:job", args=[self.pk])

    @property
    def folder(self) -> Path:
        """Where its config, its lines and its log lie until it is deleted."""
        return settings.TEACHINGS_DIR / str(self.pk)

    @property
    def lines_file(self) -> Path:
        """What the child writes."""
        return self.folder / "solutions.jsonl"

    @property
    def parsed(self) -> TeachConfig:
        return TeachConfig.model_validate(self.config)

    @property
    def provenance(self) -> str:
        """Who made the set, and from what."""
        config = self.parsed
        rewriter = f", written again by {name_of(config.rewriter)}" if config.rewriter else ""
        half = "held-out" if config.split == "heldout" else "training"
        return f"Made by {name_of(config.teacher)} from {half} problems of {problems_name(config.problems)}{rewriter}"
