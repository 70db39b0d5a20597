"""What the page shows of the workers: each with its sandbox, all together, and what waits for them."""

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from training.sandbox.types import INFRASTRUCTURE, SandboxStatus
from webapp.sandbox.models import SandboxWorker, WorkerState
from webapp.sandbox.together import merged
from webapp.sandbox.words import OUTCOMES, TIERS, Outcome, Words
from workers import queue
from workers.queue import Waiting


@dataclass(frozen=True, slots=True)
class WorkerLine:
    """A worker that was heard of lately."""

    row: SandboxWorker
    status: SandboxStatus | None

    @property
    def tier(self) -> Words:
        """Its isolation in words."""
        name = self.status.tier if self.status else ""
        return TIERS.get(name, Words(name or "unknown", ""))

    @property
    def badge(self) -> tuple[str, str]:
        """Tone, and sign with word."""
        if self.row.is_lost:
            return "bad", "⚠ Lost"
        return {
            WorkerState.READY: ("good", "● Takes calls"),
            WorkerState.REFUSED: ("bad", "✗ Refused to start"),
            WorkerState.STOPPED: ("", "○ Stopped"),
        }[WorkerState(self.row.state)]


@dataclass(frozen=True, slots=True)
class OutcomeLine:
    """Calls that ended so."""

    outcome: Outcome
    count: int
    share: float


@dataclass(frozen=True, slots=True)
class FailureLine:
    """A failure of the service."""

    at: datetime
    worker: str
    outcome: Outcome
    detail: str


@dataclass(frozen=True, slots=True)
class SandboxPage:
    """Everything that is polled."""

    workers: list[WorkerLine]
    together: SandboxStatus
    waiting: Waiting | None
    """None when the broker does not answer."""

    @property
    def ready(self) -> list[WorkerLine]:
        return [line for line in self.workers if line.row.is_ready]

    @property
    def refused(self) -> list[WorkerLine]:
        return [line for line in self.workers if line.row.state == WorkerState.REFUSED]

    @property
    def outcomes(self) -> list[OutcomeLine]:
        """Of the workers that run, since they started; the commonest first."""
        counts = self.together.outcomes
        total = sum(counts.values())
        lines = [
            OutcomeLine(OUTCOMES[status], counts[status], counts[status] / total)
            for status in OUTCOMES
            if counts.get(status)
        ]
        return sorted(lines, key=lambda line: -line.count)

    @property
    def calls(self) -> int:
        return sum(self.together.outcomes.values())

    @property
    def service_failures(self) -> int:
        """Calls that failed through no fault of their program."""
        return sum(self.together.outcomes.get(status, 0) for status in INFRASTRUCTURE)

    @property
    def failures(self) -> list[FailureLine]:
        """The last failures of the service, newest first."""
        lines = [
            FailureLine(datetime.fromtimestamp(each.at, UTC), line.row.name, OUTCOMES[each.status], each.detail)
            for line in self.workers if line.status
            for each in line.status.failures
        ]  # fmt: skip
        return sorted(lines, key=lambda line: line.at, reverse=True)[:10]

    def as_json(self) -> dict[str, Any]:
        """For scripts."""
        workers = [
            {
                "name": line.row.name, "state": "lost" if line.row.is_lost else line.row.state,
                "message": line.row.message, "heartbeat_at": line.row.heartbeat_at, "status": line.row.values or None,
            }
            for line in self.workers
        ]  # fmt: skip
        waiting = self.waiting and {name: getattr(self.waiting, name) for name in ("batches", "calls", "oldest_s")}
        return {"workers": workers, "waiting": waiting, "together": self.together.as_dict()}


def read_page() -> SandboxPage:
    """One query, and one question to the broker."""
    lines = [WorkerLine(row, row.status) for row in SandboxWorker.objects.all()]
    waiting = queue.waiting_for_sandbox()
    statuses = [line.status for line in lines if line.row.is_ready and line.status]
    calls, oldest = (waiting.calls, waiting.oldest_s) if waiting else (0, 0.0)
    return SandboxPage(lines, merged(statuses, calls, oldest), waiting)
