"""What a run produced. Lists read the narrow tables; texts and token arrays stand in 1:1 tables, read on open."""

from django.contrib.postgres.indexes import GinIndex
from django.contrib.postgres.search import SearchVector, SearchVectorField
from django.db import models
from django.db.models.functions import Left

from webapp.runs.models import Run

SEARCHED_CHARACTERS = 100_000
"""A tsvector holds at most 1 MB; what lies beyond this in a response is not found by search."""


class Prompt(models.Model):
    """A problem as a run asked it; evaluations ask the same ones again and again, so it is stored once."""

    run = models.ForeignKey(Run, models.CASCADE, related_name="prompts")
    problem_id = models.CharField(max_length=120)
    text = models.TextField()
    answer = models.TextField()

    class Meta:
        constraints = [models.UniqueConstraint(fields=["run", "problem_id"], name="prompt_once_a_run")]

    def __str__(self) -> str:
        return self.problem_id


class RolloutGroup(models.Model):
    """All responses to one prompt at one step."""

    run = models.ForeignKey(Run, models.CASCADE, related_name="groups")
    step = models.PositiveIntegerField()
    split = models.CharField(max_length=8)
    index = models.PositiveIntegerField()
    prompt = models.ForeignKey(Prompt, models.CASCADE, related_name="groups")
    trained = models.BooleanField(default=True)
    weights_version = models.PositiveIntegerField(default=0)
    size = models.PositiveIntegerField()
    reward_mean = models.FloatField()
    reward_std = models.FloatField()
    """Population standard deviation; 0 means the group taught nothing."""
    correct_count = models.PositiveIntegerField()
    length_mean = models.FloatField()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["run", "step", "split", "index"], name="group_once_a_step"),
        ]

    def __str__(self) -> str:
        return f"run {self.run_id} step {self.step} {self.split} {self.index}"


class Rollout(models.Model):
    """One response."""

    run = models.ForeignKey(Run, models.CASCADE, related_name="rollouts", db_index=False)
    group = models.ForeignKey(RolloutGroup, models.CASCADE, related_name="rollouts")
    step = models.PositiveIntegerField()
    split = models.CharField(max_length=8)
    index = models.PositiveIntegerField()
    reward = models.FloatField()
    advantage = models.FloatField(null=True)
    correct = models.BooleanField(null=True)
    extracted = models.TextField(null=True)
    parts = models.JSONField(default=dict)
    finish_reason = models.CharField(max_length=8)
    length = models.PositiveIntegerField()
    greedy = models.BooleanField(default=False)

    class Meta:
        indexes = [
            models.Index(fields=["run", "split", "step", "id"], name="rollout_by_step"),
            models.Index(fields=["run", "split", "reward", "id"], name="rollout_by_reward"),
            models.Index(fields=["run", "split", "length", "id"], name="rollout_by_length"),
        ]

    def __str__(self) -> str:
        return f"rollout {self.pk}"


class RolloutText(models.Model):
    """A response's text."""

    rollout = models.OneToOneField(Rollout, models.CASCADE, primary_key=True, related_name="body")
    text = models.TextField()
    search = models.GeneratedField(
        expression=SearchVector(Left("text", SEARCHED_CHARACTERS), config="simple"),
        output_field=SearchVectorField(),
        db_persist=True,
    )

    class Meta:
        indexes = [GinIndex(fields=["search"], name="rollout_text_search")]

    def __str__(self) -> str:
        return self.text[:60]


class RolloutTokens(models.Model):
    """A response's per-token arrays, each as ``training.events.TOKEN_ARRAYS`` says; null where there is none."""

    rollout = models.OneToOneField(Rollout, models.CASCADE, primary_key=True, related_name="tokens")
    id_array = models.BinaryField(null=True)
    end_array = models.BinaryField(null=True)
    logprob_array = models.BinaryField(null=True)
    entropy_array = models.BinaryField(null=True)
    advantage_array = models.BinaryField(null=True)
    ratio_array = models.BinaryField(null=True)
    clipped_array = models.BinaryField(null=True)
    ref_logprob_array = models.BinaryField(null=True)
    mask_array = models.BinaryField(null=True)

    def __str__(self) -> str:
        return f"tokens of {self.rollout_id}"
