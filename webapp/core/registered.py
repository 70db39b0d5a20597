"""What every kind of worker has in the row by which it says that it is there: it alone writes it, pages read it."""

from datetime import timedelta
from typing import ClassVar

from django.db import models
from django.utils import timezone

READY = "ready"
"""The state of a worker that takes work; every kind has it among its states."""


class RegisteredWorker(models.Model):
    """A worker, by its name: one that starts again takes its row over."""

    silence: ClassVar[timedelta]
    """One that has not been heard of for so long is gone."""

    name = models.CharField(max_length=200, unique=True)
    process = models.CharField(max_length=120)
    """Of its head, which takes messages."""
    state = models.CharField(max_length=8)
    """What it said last; each kind says which states it has."""
    started_at = models.DateTimeField()
    heartbeat_at = models.DateTimeField()

    class Meta:
        abstract = True

    def __str__(self) -> str:
        return self.name

    @property
    def is_lost(self) -> bool:
        """Whether it fell silent without saying that it ends."""
        return self.state == READY and timezone.now() - self.heartbeat_at > self.silence

    @property
    def is_ready(self) -> bool:
        """Whether it takes work."""
        return self.state == READY and not self.is_lost
