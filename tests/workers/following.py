"""Runs whose events the tests write and ingest by hand."""

from collections.abc import Iterable
from pathlib import Path

from training.config import RunConfig
from training.events import AnyEvent, JsonlSink
from webapp.runs import services
from webapp.runs.models import Run
from workers.ingest import EVENTS_FILE, ingest


def new_run() -> Run:
    run = services.create_run(RunConfig())
    run.folder.mkdir(parents=True, exist_ok=True)
    return run


def say(run: Run, events: Iterable[AnyEvent]) -> Path:
    path = run.folder / EVENTS_FILE
    sink = JsonlSink(path)
    for event in events:
        sink.emit(event)
    sink.close()
    return path


def catch_up(run: Run) -> int:
    count = 0
    while events := ingest(run.pk).events:
        count += events
    run.refresh_from_db()
    return count
