"""Preflights: a few prompts sampled with a config, asked of a worker and answered through a folder named by the config.

The web writes ``config.json``; the worker adds ``log.txt`` while it looks, and ``report.json`` or ``error.txt`` at the
end, and touches the log all the while. The same config always means the same folder, so asking twice costs nothing.
"""

import json
import shutil
import time
import uuid
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from django.conf import settings

from training.config import ImportedProblems, RunConfig
from webapp.core.errors import UserError
from webapp.datasets.models import ProblemSet
from webapp.datasets.services import export_problem_set
from workers import queue

NAMESPACE = uuid.UUID("6f2f8f62-6f0f-4a3c-8a3e-2f3f0b1d9a55")
LOST_AFTER_S = 660
"""The worker gives up before that, so one that is not answered by then has lost its worker."""
LOG_BYTES = 4096

State = Literal["waiting", "looking", "done", "failed", "lost"]


@dataclass(frozen=True)
class Preflight:
    """Where a preflight stands."""

    key: uuid.UUID
    state: State
    seconds: float = 0
    """Since it was asked for."""
    said: str = ""
    """The last line of the trainer's log."""
    error: str = ""
    report: dict[str, Any] = field(default_factory=dict)

    @property
    def is_over(self) -> bool:
        return self.state in {"done", "failed", "lost"}


def key_of(config: RunConfig) -> uuid.UUID:
    """The same for the same config."""
    return uuid.uuid5(NAMESPACE, config.model_dump_json())


def ask(config: RunConfig, again: bool = False) -> Preflight:
    """Have a worker look, unless one does already or has. Raises UserError when the broker is away."""
    key = key_of(config)
    known = read(key)
    if known and not (again and known.is_over) and known.state not in {"failed", "lost"}:
        return known
    _export(config)
    shutil.rmtree(_folder(key), ignore_errors=True)
    try:
        _folder(key).mkdir(parents=True)
    except FileExistsError:  # somebody asked the same at the same moment
        return read(key) or Preflight(key, "waiting")
    (_folder(key) / "config.json").write_text(config.model_dump_json(indent=2), encoding="utf-8")
    try:
        queue.preflight(key)
    except UserError:
        shutil.rmtree(_folder(key), ignore_errors=True)
        raise
    return Preflight(key, "waiting")


def read(key: uuid.UUID) -> Preflight | None:
    """None when nobody asked for it."""
    folder = _folder(key)
    try:
        seconds = time.time() - (folder / "config.json").stat().st_mtime
    except FileNotFoundError:
        return None
    if (folder / "report.json").is_file():
        return Preflight(key, "done", seconds, report=json.loads((folder / "report.json").read_text(encoding="utf-8")))
    if (folder / "error.txt").is_file():
        return Preflight(key, "failed", seconds, error=(folder / "error.txt").read_text(encoding="utf-8"))
    silent = _silent_s(folder / "log.txt")
    if seconds > LOST_AFTER_S or (silent or 0) > settings.HEARTBEAT_LOST_SECONDS:
        return Preflight(key, "lost", seconds)
    state: State = "waiting" if silent is None else "looking"
    return Preflight(key, state, seconds, said=_last_line(folder / "log.txt"))


def _silent_s(log: Path) -> float | None:
    """Seconds since its worker touched it; None before there is one."""
    try:
        return time.time() - log.stat().st_mtime
    except FileNotFoundError:
        return None


def _folder(key: uuid.UUID) -> Path:
    return Path(settings.PREFLIGHTS_DIR) / str(key)


def _export(config: RunConfig) -> None:
    """Make sure that the problem set stands as a file."""
    if isinstance(config.problems, ImportedProblems):
        export_problem_set(ProblemSet.objects.get(slug=config.problems.slug))


def _last_line(log: Path) -> str:
    try:
        with log.open("rb") as file:
            size = file.seek(0, 2)
            file.seek(max(size - LOG_BYTES, 0))
            lines = file.read().decode("utf-8", "replace").split("\n")
    except OSError:
        return ""
    shown = [line.rsplit("\r", 1)[-1].strip() for line in lines]
    return next((line for line in reversed(shown) if line), "")
