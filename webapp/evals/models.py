"""Evaluations. Each is a run that trains nothing, and its answers are the run's rollouts; what they add up to is here.

Nothing here points at a rollout's row: those are stored anew when a run's events are read again. An answer is named by
its run, its problem and its number among the answers to it.
"""

from typing import Any

from django.conf import settings
from django.db import models
from django.db.models import Q

from webapp.runs.models import Run


class Evaluation(models.Model):
    """What was evaluated on what, and the figures as they stood when it ended or an override changed."""

    run = models.OneToOneField(Run, models.CASCADE, related_name="evaluation")
    label = models.CharField(max_length=160)
    """The model in words: ``run 12, step 50``."""
    problem_set = models.CharField(max_length=160)
    """In words, with the half that is asked."""
    source_run = models.ForeignKey(Run, models.SET_NULL, null=True, related_name="evaluations")
    source_step = models.PositiveIntegerField(null=True)
    samples = models.PositiveIntegerField()
    temperature = models.FloatField()
    max_tokens = models.PositiveIntegerField()
    searches = models.BooleanField(default=False)
    """Whether trees are grown at test time."""
    asked = models.PositiveIntegerField(default=0)
    """Problems it asks; 0 before it has begun."""
    trained_on = models.PositiveIntegerField(default=0)
    """Problems left out because the model was trained on them."""
    unusable = models.PositiveIntegerField(default=0)
    figures = models.JSONField(default=dict)
    """``{"graded": …, "overridden": … or null}``, each as `figures.describe` makes it; empty before it has ended."""
    avg = models.FloatField(null=True)
    """As graded, like all columns here: what lists show and sort by."""
    avg_low = models.FloatField(null=True)
    avg_high = models.FloatField(null=True)
    pass_k = models.FloatField(null=True)
    maj = models.FloatField(null=True)
    tokens_mean = models.FloatField(null=True)
    overrides = models.PositiveIntegerField(default=0)
    """Answers whose verdict a person has changed."""
    settled_at = models.DateTimeField(null=True)
    """When the figures were computed last."""

    class Meta:
        ordering = ["-run"]

    def __str__(self) -> str:
        return f"{self.label} on {self.problem_set}"

    @property
    def graded(self) -> dict[str, Any]:
        """Figures as the verifier judged; empty before the end."""
        return dict(self.figures.get("graded") or {})

    @property
    def overridden(self) -> dict[str, Any] | None:
        """Figures with all overrides; None without any."""
        return self.figures.get("overridden") or None


class AskedProblem(models.Model):
    """A problem of an evaluation, under the name it has everywhere."""

    run = models.ForeignKey(Run, models.CASCADE, related_name="asked_problems", db_index=False)
    problem_id = models.CharField(max_length=120)
    """As in the run's prompts."""
    key = models.CharField(max_length=32)
    """``problem_key``: the same in every run and set."""
    level = models.CharField(max_length=40, blank=True)
    split = models.CharField(max_length=8)
    """Half of the problem set it is of."""

    class Meta:
        constraints = [models.UniqueConstraint(fields=["run", "problem_id"], name="asked_once_an_evaluation")]
        indexes = [models.Index(fields=["key", "run"], name="asked_problem_by_key")]

    def __str__(self) -> str:
        return self.problem_id


class Override(models.Model):
    """A person's verdict on an answer. The verifier's stays; figures are shown both ways."""

    run = models.ForeignKey(Run, models.CASCADE, related_name="overrides")
    problem_id = models.CharField(max_length=120)
    sample = models.PositiveIntegerField()
    """Number of the answer among those to the problem."""
    extracted = models.TextField(null=True)
    """What was read off it then; should the answer ever be another one, the override does not count."""
    correct = models.BooleanField()
    reason = models.TextField(blank=True)
    user = models.ForeignKey(settings.AUTH_USER_MODEL, models.SET_NULL, null=True, related_name="+")
    at = models.DateTimeField(auto_now_add=True)
    withdrawn_at = models.DateTimeField(null=True)
    withdrawn_by = models.ForeignKey(settings.AUTH_USER_MODEL, models.SET_NULL, null=True, related_name="+")

    class Meta:
        ordering = ["-id"]
        constraints = [
            models.UniqueConstraint(
                fields=["run", "problem_id", "sample"], condition=Q(withdrawn_at=None), name="one_override_an_answer"
            )
        ]

    def __str__(self) -> str:
        return f"{self.problem_id}.{self.sample}: {'right' if self.correct else 'wrong'}"
