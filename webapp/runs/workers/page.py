"""What the page shows: each worker with its devices and its work, and what waits in which order."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from webapp.core.jobs import Job
from webapp.machines.devices import Device, Gpu, Processor
from webapp.machines.models import KEPT_POINTS, Worker, WorkerState
from webapp.runs.models import Run
from webapp.runs.queueing import TRAINING_QUEUE, Carried, Place, by_worker, carried, places, waiting_jobs

WIDTH, HEIGHT, MARGIN = 96, 20, 2
"""Of a curve, in units of its drawing."""
HOT_C, TOO_HOT_C = 80.0, 90.0
"""Most GPUs slow themselves down from about here on."""
FULL_SHARE = 0.9
MOST_WAITING = 100
"""Runs in the table; more would be no help."""


@dataclass(frozen=True, slots=True)
class Bar:
    """A figure with its bar: width in percent, tone and words."""

    name: str
    width: float
    tone: str
    words: str


@dataclass(frozen=True, slots=True)
class DeviceLine:
    """A processor or GPU with its figures, its curve and whose run computes on it."""

    device: Device
    curve: str
    """``d`` of an SVG path of its utilisation; empty for less than two points."""
    user: Carried | None = None

    @property
    def title(self) -> str:
        if isinstance(self.device, Gpu):
            return f"GPU {self.device.index} · {self.device.name}"
        cores = self.device.cores if isinstance(self.device, Processor) else 0
        return f"{cores} core{'s' * (cores != 1)} · {self.device.name}"

    @property
    def bars(self) -> list[Bar]:
        """Utilisation and temperature, as far as the device tells them; the page writes memory in its own units."""
        device, bars = self.device, []
        if device.utilisation is not None:
            share = min(max(device.utilisation, 0.0), 1.0)
            bars.append(Bar("Utilisation", round(100 * share, 1), "", f"{100 * share:.0f} %"))
        if device.temperature is not None:
            tone = "bad" if device.temperature >= TOO_HOT_C else "warn" if device.temperature >= HOT_C else ""
            width = min(max(device.temperature, 0.0), 100.0)
            bars.append(Bar("Temperature", round(width, 1), tone, f"{device.temperature:.0f} °C"))
        return bars

    @property
    def memory_tone(self) -> str:
        return "warn" if self.device.memory_share > FULL_SHARE else ""

    @property
    def memory_width(self) -> float:
        return round(100 * min(self.device.memory_share, 1.0), 1)


@dataclass(frozen=True, slots=True)
class WorkerCard:
    """A worker that was heard of lately."""

    row: Worker
    devices: list[DeviceLine]
    works: list[Carried]

    @property
    def badge(self) -> tuple[str, str]:
        """Tone, and sign with word."""
        if self.row.is_lost:
            return "bad", "⚠ Lost"
        if self.row.state == WorkerState.STOPPED:
            return "", "○ Stopped"
        return ("info", "▶ Busy") if self.works else ("good", "● Idle")


@dataclass(frozen=True, slots=True)
class WaitingLine:
    """A run that waits."""

    number: int
    run: Run
    place: Place


@dataclass(frozen=True, slots=True)
class WorkersPage:
    """Everything that is polled."""

    cards: list[WorkerCard]
    waiting: list[WaitingLine]
    jobs: list[Job]
    more: int
    """Runs that wait beyond those shown."""

    @property
    def trains(self) -> bool:
        """Whether anybody is there that carries runs."""
        return any(card.row.is_ready and TRAINING_QUEUE in card.row.queues for card in self.cards)

    def as_json(self) -> dict[str, Any]:
        """For scripts."""
        return {
            "workers": [_worker_json(card) for card in self.cards],
            "queue": [
                {"run": line.run.pk, "name": line.run.name, "before": line.place.before, "waits": line.place.in_words}
                for line in self.waiting
            ],
        }


def read_page() -> WorkersPage:
    """A few queries, however many runs wait."""
    rows, works = list(Worker.objects.all()), carried()
    ready = [row for row in rows if row.is_ready]
    shared = by_worker(ready, works)
    cards = [WorkerCard(row, _devices(row, works), shared.get(row.pk, [])) for row in rows]
    found = places([row for row in ready if TRAINING_QUEUE in row.queues], works)
    shown = list(found)[:MOST_WAITING]
    runs = Run.objects.only("name", "queued_at", "created_at", "config").in_bulk(shown)
    waiting = [
        WaitingLine(number, runs[run_id], found[run_id]) for number, run_id in enumerate(shown, 1) if run_id in runs
    ]
    return WorkersPage(cards, waiting, waiting_jobs(), len(found) - len(shown))


def curve_of(points: Sequence[float | None]) -> str:
    """An SVG path of shares, the newest at the right edge; a gap where nothing was told."""
    step = (WIDTH - 2 * MARGIN) / (KEPT_POINTS - 1)
    left = WIDTH - MARGIN - step * (len(points) - 1)
    parts, begun = [], False
    for number, value in enumerate(points):
        if value is None:
            begun = False
            continue
        x, y = left + number * step, HEIGHT - MARGIN - (HEIGHT - 2 * MARGIN) * min(max(value, 0.0), 1.0)
        parts.append(f"{'L' if begun else 'M'}{x:.1f} {y:.1f}")
        begun = True
    return "".join(parts) if len(parts) > 1 else ""


def _devices(row: Worker, works: Sequence[Carried]) -> list[DeviceLine]:
    users = {uuid: work for work in works for uuid in work.gpus}
    lines = [DeviceLine(row.processor_now, curve_of(row.history.get("cpu", [])))] if row.processor else []
    curves = {gpu.uuid: curve_of(row.history.get(gpu.uuid, [])) for gpu in row.gpus_now}
    return lines + [DeviceLine(gpu, curves[gpu.uuid], users.get(gpu.uuid)) for gpu in row.gpus_now]


def _worker_json(card: WorkerCard) -> dict[str, Any]:
    row = card.row
    heard: datetime = row.heartbeat_at
    return {
        "name": row.name, "host": row.host, "queues": row.queues, "state": "lost" if row.is_lost else row.state,
        "versions": row.versions, "processor": row.processor, "gpus": row.gpus, "heartbeat_at": heard,
        "runs": [{"name": work.name, "address": work.address} for work in card.works],
    }  # fmt: skip
