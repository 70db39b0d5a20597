"""A recipe that is trained, and the attempts at its stages: which run carries which stage."""

import uuid

from django.conf import settings
from django.db import models

from training.config.recipe import Recipe
from webapp.recipes.status import RecipeState
from webapp.runs.models import Run


class RecipeRun(models.Model):
    """One recipe, from draft to done. ``config`` is a ``Recipe``; a draft's may change, later a stage at a time."""

    name = models.CharField(max_length=120)
    start_id = models.UUIDField(default=uuid.uuid4, unique=True)
    """Made by the browser: the same form sent twice makes one recipe."""
    state = models.CharField(max_length=12, choices=RecipeState, default=RecipeState.DRAFT)
    config = models.JSONField()
    group = models.CharField(max_length=80, blank=True)
    """Recipes of one group, such as one for each seed, belong together."""
    notes = models.TextField(blank=True)
    cloned_from = models.ForeignKey("self", models.SET_NULL, null=True, related_name="clones")
    created_by = models.ForeignKey(settings.AUTH_USER_MODEL, models.SET_NULL, null=True, related_name="recipes")
    created_at = models.DateTimeField(auto_now_add=True)
    started_at = models.DateTimeField(null=True)
    ended_at = models.DateTimeField(null=True)
    failed_stage = models.CharField(max_length=40, blank=True)
    """Name of the stage that failed."""
    error = models.TextField(blank=True)
    """Why: the last lines of its run, or what kept it from beginning."""

    class Meta:
        ordering = ["-id"]
        indexes = [models.Index(fields=["state"])]

    def __str__(self) -> str:
        return f"{self.name} (recipe {self.pk})"

    @property
    def stands(self) -> RecipeState:
        return RecipeState(self.state)

    @property
    def recipe(self) -> Recipe:
        """The stored config. Raises pydantic's ValidationError when this version cannot read it any more."""
        return Recipe.model_validate(self.config)


class StageRun(models.Model):
    """One attempt at a stage: a run. The latest counts; earlier ones stay to be looked at."""

    recipe = models.ForeignKey(RecipeRun, models.CASCADE, related_name="attempts")
    stage = models.CharField(max_length=40)
    """Name of the stage in the recipe's config."""
    number = models.PositiveIntegerField()
    """From 1 on, of this stage."""
    run = models.OneToOneField(Run, models.CASCADE, related_name="stage_run")
    sources = models.JSONField(default=list)
    """What it began from, of earlier stages: ``[stage, run, step, "model" or "reward model"]`` each."""
    outdated = models.BooleanField(default=False)
    """It counts no more: its stage, or one that it began from, is to be trained anew."""
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering = ["id"]
        constraints = [
            models.UniqueConstraint(fields=["recipe", "stage", "number"], name="stage_attempt_once_a_number"),
            models.UniqueConstraint(
                fields=["recipe", "stage"], condition=models.Q(outdated=False), name="one_current_attempt_a_stage"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.stage}, attempt {self.number}"
