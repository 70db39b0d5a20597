"""Runs with figures, made the way the ingester makes them."""

from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Any

from django.utils import timezone

from training.config import RunConfig
from training.events import Metrics
from webapp.runs.models import Checkpoint, Run
from webapp.runs.services import create_run
from webapp.runs.status import RunStatus
from workers.ingest.metrics import store_metrics


def make_run(status: RunStatus = RunStatus.SUCCEEDED, *, config: RunConfig | None = None, **fields: Any) -> Run:
    """A run in any state."""
    run = create_run(config or RunConfig(), name=fields.pop("name", "a run"), user=fields.pop("created_by", None))
    now = timezone.now()
    times: dict[str, Any] = {
        "queued_at": now - timedelta(hours=1),
        "started_at": now - timedelta(minutes=50),
        "heartbeat_at": now,
    }
    if status == RunStatus.QUEUED:
        times = {"queued_at": now}
    if status.is_terminal:
        times["ended_at"] = now
    Run.objects.filter(pk=run.pk).update(status=status, **(times | fields))
    run.refresh_from_db()
    return run


def add_figures(run: Run, figures: Mapping[str, Sequence[float | None]], first: int = 1, every: int = 1) -> None:
    """Metrics of steps ``first``, ``first + every``, …; all sequences have the same length."""
    length = len(next(iter(figures.values())))
    steps = [first + index * every for index in range(length)]
    events = [
        Metrics(step=step, values={name: values[index] for name, values in figures.items()})
        for index, step in enumerate(steps)
    ]
    store_metrics(run, events)
    run.save()


def add_checkpoint(run: Run, step: int, **fields: Any) -> Checkpoint:
    """A checkpoint with its folder on disk: model, config and the trainer's state."""
    path = f"checkpoints/step_{step:06d}"
    folder = run.folder / path
    folder.mkdir(parents=True)
    (folder / "model.safetensors").write_bytes(bytes(range(256)) * 40)
    (folder / "config.json").write_text('{"model_type": "qwen2"}')
    (folder / "trainer_state.pt").write_bytes(b"private")
    return Checkpoint.objects.create(run=run, step=step, path=path, size=10_263, saved_at=timezone.now(), **fields)
