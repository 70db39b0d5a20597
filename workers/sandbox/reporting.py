"""What a sandbox worker tells the database: a heartbeat with its sandbox's status, and samples while there is traffic.

The database may be away: calls are answered through the broker alone, and what could not be written is written later.
"""

import logging
import math
import threading
import time
from collections import Counter
from datetime import timedelta

from django.db import Error, connection
from django.utils import timezone

from training.sandbox.types import ExecutionResult, SandboxStatus
from webapp.sandbox.models import (
    BUCKETS_A_DECADE,
    HEARTBEAT_S,
    KEPT_CONSOLE_CALLS,
    KEPT_SAMPLES,
    KEPT_WORKERS,
    SAMPLE_S,
    ConsoleCall,
    SandboxSample,
    SandboxWorker,
    WorkerState,
)
from workers import host

logger = logging.getLogger(__name__)
PRUNE_S = 300.0


def bucket_of(seconds: float) -> str:
    """Name of the bucket that a duration falls into; JSON has no other keys."""
    return str(max(0, math.floor(BUCKETS_A_DECADE * math.log10(max(1000 * seconds, 1.0)))))


class Sampler:
    """Counts calls until the next sample. May be told of them by many threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._clear()

    def note(self, result: ExecutionResult) -> None:
        """A call has ended; its `queue_s` holds all its waiting, that in the broker too."""
        with self._lock:
            self._outcomes[result.status] += 1
            self._total[bucket_of(result.queue_s + result.wall_s)] += 1
            if not result.is_infrastructure:
                self._wall[bucket_of(result.wall_s)] += 1

    def take(self, worker: str, status: SandboxStatus) -> SandboxSample | None:
        """What there is since the last one; None where nothing happened."""
        with self._lock:
            seconds, outcomes, total, wall = time.monotonic() - self._since, self._outcomes, self._total, self._wall
            self._clear()
        if not outcomes and not status.in_flight:
            return None
        figures = {"in_flight": status.in_flight, "queued": status.queued, "seconds": round(seconds, 3)}
        return SandboxSample(
            worker=worker, at=timezone.now(), outcomes=dict(outcomes), total=dict(total), wall=dict(wall), **figures
        )

    def _clear(self) -> None:
        self._since = time.monotonic()
        self._outcomes: Counter[str] = Counter()
        self._total: Counter[str] = Counter()
        self._wall: Counter[str] = Counter()


def tell(name: str, state: WorkerState, message: str = "", status: SandboxStatus | None = None) -> None:
    """Write a worker's row. Raises django.db.Error while the database is away."""
    now = timezone.now()
    values = {"state": state, "message": message.replace("\x00", ""), "heartbeat_at": now}
    if status is not None:
        values["values"] = status.as_dict()
    process = host.this_process()
    if not SandboxWorker.objects.filter(name=name, process=process).update(**values):
        fresh = {"values": {}, "started_at": now, **values, "process": process}
        SandboxWorker.objects.update_or_create(name=name, defaults=fresh)


def prune() -> None:
    """Forget what is old."""
    now = timezone.now()
    SandboxSample.objects.filter(at__lt=now - KEPT_SAMPLES).delete()
    SandboxWorker.objects.filter(heartbeat_at__lt=now - KEPT_WORKERS).delete()
    newest = ConsoleCall.objects.order_by("-id").values_list("pk", flat=True)[KEPT_CONSOLE_CALLS:][:1]
    if last := list(newest):
        ConsoleCall.objects.filter(pk__lte=last[0], created_at__lt=now - timedelta(hours=1)).delete()


class Reporter:
    """One worker's voice. `round` is called every `HEARTBEAT_S`, by one thread."""

    def __init__(self, name: str) -> None:
        self.sampler = Sampler()
        self._name = name
        self._sampled = self._pruned = float("-inf")
        self._unwritten: list[SandboxSample] = []
        self._away = False

    def round(self, status: SandboxStatus) -> None:
        """Tell how it is now."""
        now = time.monotonic()
        if now - self._sampled >= SAMPLE_S - HEARTBEAT_S / 2:
            self._sampled = now
            sample = self.sampler.take(self._name, status)
            self._unwritten = [*self._unwritten[-1000:], *([sample] if sample else [])]
        try:
            tell(self._name, WorkerState.READY, status=status)
            SandboxSample.objects.bulk_create(self._unwritten)
            self._unwritten, self._away = [], False
            if now - self._pruned > PRUNE_S:
                self._pruned = now
                prune()
        except Error as error:
            if not self._away:  # said once, not every two seconds
                logger.warning("the database does not answer: %s", str(error).strip())
            self._away = True
            connection.close()

    def last_word(self, state: WorkerState, message: str = "") -> None:
        """It ends, or never began."""
        try:
            tell(self._name, state, message)
        except Error as error:
            logger.warning("the database does not answer: %s", str(error).strip())
        finally:
            connection.close()
