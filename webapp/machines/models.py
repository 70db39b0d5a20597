"""The row of a worker: it alone writes it, every page reads it."""

from datetime import timedelta

from django.db import models
from django.db.models import QuerySet
from django.utils import timezone

from webapp.machines.devices import Gpu, Processor

HEARTBEAT_S = 5.0
SILENCE = timedelta(seconds=25)
"""A worker that has not been heard of for so long is gone."""
KEPT = timedelta(hours=1)
"""Rows of workers that are gone, for whoever wonders where they are."""
KEPT_POINTS = 60
"""Of each curve: with a point each heartbeat, five minutes."""


class WorkerState(models.TextChoices):
    """What a worker said last."""

    READY = "ready", "Ready"
    STOPPED = "stopped", "Stopped"


class Worker(models.Model):
    """A worker, by its name: one that starts again takes its row over."""

    name = models.CharField(max_length=200, unique=True)
    process = models.CharField(max_length=120)
    """Of its head, which takes messages."""
    processes = models.JSONField(default=list)
    """Those that carry its work; runs and jobs name the one that carries them."""
    host = models.CharField(max_length=120)
    queues = models.JSONField(default=list)
    concurrency = models.PositiveIntegerField(default=1)
    versions = models.JSONField(default=dict)
    """Name of a package or of Python → its version."""
    processor = models.JSONField(default=dict)
    """`webapp.machines.devices.Processor`."""
    gpus = models.JSONField(default=list)
    """`webapp.machines.devices.Gpu`, each."""
    history = models.JSONField(default=dict)
    """Utilisation at the last `KEPT_POINTS` heartbeats: of each GPU by its uuid, of the processor as ``cpu``."""
    state = models.CharField(max_length=8, choices=WorkerState)
    started_at = models.DateTimeField()
    heartbeat_at = models.DateTimeField()

    class Meta:
        ordering = ["host", "name"]

    def __str__(self) -> str:
        return self.name

    @property
    def is_lost(self) -> bool:
        """Whether it fell silent without saying that it ends."""
        return self.state == WorkerState.READY and timezone.now() - self.heartbeat_at > SILENCE

    @property
    def is_ready(self) -> bool:
        """Whether it takes work."""
        return self.state == WorkerState.READY and not self.is_lost

    @property
    def processor_now(self) -> Processor:
        """At its last heartbeat."""
        return Processor(**self.processor)

    @property
    def gpus_now(self) -> tuple[Gpu, ...]:
        """At its last heartbeat."""
        return tuple(Gpu(**values) for values in self.gpus)


def registered(queue: str = "") -> "QuerySet[Worker]":
    """The workers that are there now, or those of them that take from a queue."""
    there = Worker.objects.filter(state=WorkerState.READY, heartbeat_at__gte=timezone.now() - SILENCE)
    return there.filter(queues__contains=[queue]) if queue else there
