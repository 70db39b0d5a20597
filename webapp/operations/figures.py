"""Metrics of runs and of what is read from their trainers."""

import json
import shutil
import time
from collections.abc import Iterator
from pathlib import Path

from django.conf import settings
from django.db.models import Count
from django.utils import timezone
from prometheus_client.core import GaugeMetricFamily, Metric

from training.events.reader import read_lines
from webapp.runs.models import Run
from webapp.runs.status import ACTIVE, RunStatus

FIRST_LINE_BYTES = 1 << 16


def of_runs() -> Iterator[Metric]:
    """Two queries, and a look at the event file of each run that is trained just now."""
    yield _by_status()
    yield from _of_active()
    free = GaugeMetricFamily("espalier_data_free_bytes", "Room on the disk of the data folder")
    free.add_metric([], shutil.disk_usage(settings.ESPALIER_DATA).free)
    yield free


def unread(folder: Path, offset: int) -> tuple[int, float]:
    """Bytes of a run's events after ``offset``, and the age of the first of them in seconds."""
    file = folder / "events.jsonl"
    try:
        behind = file.stat().st_size - offset
    except OSError:  # none yet, or another machine's disk
        return 0, 0.0
    if behind <= 0:
        return 0, 0.0
    lines, _ = read_lines(file, offset, FIRST_LINE_BYTES)
    try:
        return behind, max(time.time() - float(json.loads(lines[0])["at"]), 0.0)
    except (IndexError, ValueError, KeyError, TypeError):  # a line that is being written
        return behind, 0.0


def _by_status() -> Metric:
    counts = dict(Run.objects.order_by().values_list("status").annotate(Count("pk")))
    family = GaugeMetricFamily("espalier_runs", "Runs by where they stand", labels=["status"])
    for status in RunStatus:
        family.add_metric([status.value], counts.get(status.value, 0))
    return family


def _of_active() -> Iterator[Metric]:
    runs = list(Run.objects.filter(status__in=ACTIVE).only("events_offset", "heartbeat_at"))
    left = [unread(run.folder, run.events_offset) for run in runs]
    now = timezone.now()
    silence = [(now - run.heartbeat_at).total_seconds() for run in runs if run.heartbeat_at]
    figures = {
        "espalier_ingest_unread_bytes": (
            "Events of runs under way without a row",
            sum(size for size, _ in left),
        ),
        "espalier_ingest_lag_seconds": ("Age of the oldest of them", max((age for _, age in left), default=0.0)),
        "espalier_run_silence_seconds": (
            "Longest time since a worker of a run was heard of",
            max(silence, default=0.0),
        ),
    }
    for name, (words, value) in figures.items():
        family = GaugeMetricFamily(name, words)
        family.add_metric([], value)
        yield family
