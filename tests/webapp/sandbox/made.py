"""Rows as sandbox workers leave them, without workers."""

from dataclasses import asdict
from datetime import timedelta
from typing import Any

from django.utils import timezone

from training.sandbox.types import ExecutionResult, Failure, Limits, Percentiles, SandboxStatus
from webapp.sandbox.models import ConsoleCall, SandboxSample, SandboxWorker, WorkerState

HOSTILE = "<script>alert(1)</script>\u202e"


def made_status(**values: Any) -> SandboxStatus:
    """A busy sandbox with one failure."""
    usual: dict[str, Any] = {
        "tier": "ns-user", "python": "/usr/bin/python3.11", "zygotes": 2, "slots": 6, "in_flight": 3, "queued": 4,
        "oldest_queue_s": 0.25, "restarts": 1, "started": 0.0, "outcomes": {"ok": 90, "error": 8, "sandbox_died": 2},
        "wall": Percentiles(8.0, 40.0, 60.0), "total": Percentiles(12.0, 55.0, 90.0),
        "failures": [Failure(1_800_000_000.0, "sandbox_died", f"a fork server was lost {HOSTILE}")],
    }  # fmt: skip
    return SandboxStatus(**usual | values)


def made_worker(name: str = "sandbox@here", state: WorkerState = WorkerState.READY, **values: Any) -> SandboxWorker:
    """A worker's row, just written."""
    now = timezone.now()
    usual: dict[str, Any] = {"process": "here:1:1", "started_at": now, "heartbeat_at": now}
    if state == WorkerState.READY:
        usual["values"] = made_status().as_dict()
    return SandboxWorker.objects.create(name=name, state=state, **usual | values)


def made_samples(count: int = 40, seconds: float = 5.0) -> None:
    """Samples up to now: 50 calls each, half of 1 to 1.1 ms, half of 10 to 11 ms."""
    now = timezone.now()
    SandboxSample.objects.bulk_create(
        SandboxSample(
            worker="sandbox@here", at=now - timedelta(seconds=seconds * n), seconds=seconds,
            outcomes={"ok": 49, "sandbox_died": 1}, in_flight=3, queued=n, total={"0": 25, "20": 25}, wall={"0": 49},
        )
        for n in range(count)
    )  # fmt: skip


def made_run(program: str = "print(1)", result: ExecutionResult | None = None, **values: Any) -> ConsoleCall:
    """A row of the console."""
    stored = result.as_dict() if result else None
    return ConsoleCall.objects.create(program=program, limits=asdict(Limits()), values=stored, **values)
