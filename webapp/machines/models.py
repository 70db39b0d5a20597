"""The row of a worker: it alone writes it, every page reads it."""

from datetime import timedelta

from django.db import models
from django.db.models import QuerySet
from django.utils import timezone

from webapp.core.registered import RegisteredWorker
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


class Worker(RegisteredWorker):
    """A worker that carries runs, jobs or other work, with its machine's devices."""

    silence = SILENCE

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

    class Meta:
        ordering = ["host", "name"]

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
