"""The row of a generation: what was asked, and where it stands."""

from pathlib import Path

from django.conf import settings
from django.db import models
from django.urls import reverse

from webapp.core.jobs import Job


class GenerationJob(Job):
    """Models answering prompts for a project. All its items are added at once, in the transaction that ends it.

    ``config`` is a ``training.config.generate.GenerationConfig``; ``done`` and ``total`` count prompts, each once a
    model. ``report`` of one that succeeded: ``items`` added, ``responses`` in them, ``short`` ones with fewer responses
    than wanted, ``left_out`` prompts, ``same`` texts that were shown once though two models wrote them, ``too_long``
    prompts.
    """

    noun = "generation"
    named_by = ("project",)

    project = models.ForeignKey("labeling.LabelProject", models.CASCADE, related_name="generations")

    class Meta:
        ordering = ["-id"]
        indexes = [
            models.Index(
                fields=["id"], condition=models.Q(state__in=["queued", "running"]), name="generation_unfinished"
            )
        ]

    def get_absolute_url(self) -> str:
        return reverse("labeling:generation", args=[self.project.slug, self.pk])

    @property
    def folder(self) -> Path:
        """Where its config and responses lie until it has succeeded."""
        return settings.GENERATIONS_DIR / str(self.pk)
