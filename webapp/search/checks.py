"""The model of a check: solutions are judged again by the verifier of today. Imported by ``webapp.search.models``."""

from datetime import timedelta

from django.conf import settings
from django.db import models
from django.utils import timezone

CHECK_SILENCE = timedelta(seconds=60)
"""A check that has not been heard of for so long has lost its worker."""


class CheckState(models.TextChoices):
    """Where a check stands."""

    WAITING = "waiting", "Waiting for a worker"
    RUNNING = "running", "Under way"
    DONE = "done", "Done"
    FAILED = "failed", "Failed"


ACTIVE = (CheckState.WAITING, CheckState.RUNNING)


class SolutionCheck(models.Model):
    """Valid solutions are judged again: one, a problem's, or all that an older version of the verifier found right."""

    solution = models.ForeignKey("search.VerifiedSolution", models.CASCADE, null=True, related_name="checks")
    problem = models.CharField(max_length=32, blank=True)
    """With neither solution nor problem: all of older versions."""
    state = models.CharField(max_length=8, choices=CheckState, default=CheckState.WAITING)
    total = models.PositiveIntegerField(default=0)
    done = models.PositiveIntegerField(default=0)
    rejected = models.PositiveIntegerField(default=0)
    undecided = models.PositiveIntegerField(default=0)
    """Neither right nor wrong within the time limit: they stay as they were."""
    message = models.TextField(blank=True)
    """Why it failed."""
    heartbeat_at = models.DateTimeField(default=timezone.now)
    created_by = models.ForeignKey(settings.AUTH_USER_MODEL, models.SET_NULL, null=True, related_name="+")
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        app_label = "search"
        ordering = ["-id"]

    def __str__(self) -> str:
        return f"check {self.pk}"

    @property
    def is_lost(self) -> bool:
        """Whether its worker, or the message that asks for one, is gone."""
        return self.state in ACTIVE and timezone.now() - self.heartbeat_at > CHECK_SILENCE

    @property
    def is_active(self) -> bool:
        return self.state in ACTIVE and not self.is_lost
