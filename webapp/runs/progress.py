"""How far a run is and how long it will take, for its page and the lists."""

from dataclasses import dataclass
from datetime import datetime

from webapp.runs.models import Run
from webapp.runs.status import ACTIVE, RunStatus


@dataclass(frozen=True, slots=True)
class Progress:
    """What changes while one looks. Times in seconds; None where unknown or without meaning."""

    step: int
    total: int
    elapsed: float | None
    """Since it first started, up to now or its end, without the time between its attempts."""
    remaining: float | None
    """At the mean pace of the steps so far."""
    tokens_per_s: float | None
    in_phase: float | None
    """How long the present phase has lasted."""

    @property
    def share(self) -> float:
        return self.step / self.total if self.total else 0.0


def progress_of(run: Run, now: datetime) -> Progress:
    """The progress of a run at a moment."""
    training = run.state == RunStatus.RUNNING
    pace = run.train_seconds / run.step if run.step else None
    return Progress(
        step=run.step,
        total=run.total_steps,
        elapsed=seconds_taken(run, now),
        remaining=pace * (run.total_steps - run.step) if pace is not None and training else None,
        tokens_per_s=run.latest.get("speed/tokens_per_s"),
        in_phase=seconds_in_phase(run, now) if run.state in ACTIVE else None,
    )


def seconds_taken(run: Run, now: datetime) -> float | None:
    """How long all attempts of a run took, up to a moment; None before the first. Waiting to go on takes none."""
    if run.started_at is None:
        return None
    end = run.ended_at or (run.heartbeat_at if run.state == RunStatus.QUEUED else None) or now
    return max(0.0, (end - run.started_at - run.idle).total_seconds())


def seconds_in_phase(run: Run, now: datetime) -> float | None:
    """How long the phase the run is in has lasted; None in none."""
    if not run.phase or run.phase_since is None:
        return None
    return max(0.0, (now - run.phase_since).total_seconds())
