"""The life of a run: its states, which may follow which, and the only function that changes one."""

from collections.abc import Collection
from functools import partial
from typing import Any

from django.db import models
from django.db import transaction as database

from webapp.runs.signals import run_moved


class RunStatus(models.TextChoices):
    """Shown as icon, word and colour."""

    QUEUED = "queued", "Queued"
    STARTING = "starting", "Starting"
    RUNNING = "running", "Running"
    STOPPING = "stopping", "Stopping"
    SUCCEEDED = "succeeded", "Succeeded"
    STOPPED = "stopped", "Stopped"
    FAILED = "failed", "Failed"
    LOST = "lost", "Lost"

    @property
    def is_terminal(self) -> bool:
        return self in TERMINAL

    @property
    def icon(self) -> str:
        return ICONS[self]

    @property
    def tone(self) -> str:
        """Name of the colour token."""
        return TONES[self]


S = RunStatus
TERMINAL = frozenset({S.SUCCEEDED, S.STOPPED, S.FAILED, S.LOST})
ACTIVE = frozenset({S.STARTING, S.RUNNING, S.STOPPING})
RESUMABLE = frozenset({S.STOPPED, S.FAILED, S.LOST})
ICONS = {
    S.QUEUED: "◷", S.STARTING: "◌", S.RUNNING: "▶", S.STOPPING: "◧",
    S.SUCCEEDED: "✓", S.STOPPED: "■", S.FAILED: "✕", S.LOST: "?",
}  # fmt: skip
TONES = {
    S.QUEUED: "muted", S.STARTING: "info", S.RUNNING: "info", S.STOPPING: "warn",
    S.SUCCEEDED: "good", S.STOPPED: "muted", S.FAILED: "bad", S.LOST: "bad",
}  # fmt: skip
ALLOWED: dict[RunStatus, frozenset[RunStatus]] = {
    S.QUEUED: frozenset({S.STARTING, S.STOPPED}),
    S.STARTING: frozenset({S.RUNNING, S.STOPPING, S.SUCCEEDED, S.STOPPED, S.FAILED, S.LOST}),
    S.RUNNING: frozenset({S.STOPPING, S.SUCCEEDED, S.STOPPED, S.FAILED, S.LOST}),
    S.STOPPING: frozenset({S.SUCCEEDED, S.STOPPED, S.FAILED, S.LOST}),
    S.SUCCEEDED: frozenset(),
    S.STOPPED: frozenset({S.QUEUED}),
    S.FAILED: frozenset({S.QUEUED}),
    S.LOST: frozenset({S.QUEUED}),
}


def transition(
    run_id: int, to: RunStatus, *, attempt: int | None = None, only_from: Collection[RunStatus] = (), **fields: Any
) -> bool:
    """Move a run to ``to`` if its present state allows it; says whether it did.

    A compare-and-swap in one UPDATE, so of two processes that try, one wins. With ``attempt``, only
    while that attempt is the run's current one: an older supervisor can no longer write. With
    ``only_from``, only from those of the allowed states. ``fields`` are stored in the same statement.
    """
    from webapp.runs.models import Run  # the model needs RunStatus first

    allowed_from = [s for s, following in ALLOWED.items() if to in following and (not only_from or s in only_from)]
    rows = Run.objects.filter(pk=run_id, status__in=allowed_from)
    if attempt is not None:
        rows = rows.filter(attempt=attempt)
    moved = rows.update(status=to, **fields) == 1
    if moved and (to in TERMINAL or to == S.QUEUED):
        database.on_commit(partial(run_moved.send_robust, Run, run_id=run_id))
    return moved
