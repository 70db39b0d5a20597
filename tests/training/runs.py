"""Runs for tests: tiny ones on the built-in model, and what their event files amount to."""

import json
import time
from pathlib import Path
from typing import Any

from tests.training.warm_trainer import WarmTrainer
from training.events import AnyEvent, Metrics, RolloutGroup, Started, TreeRecord, all_events

MACHINE = ("time", "system", "speed")
"""Groups of metrics that depend on the machine and the moment."""


def tiny_config(**changes: Any) -> dict[str, Any]:
    """A GRPO config that takes a fraction of a second a step on one thread."""
    config: dict[str, Any] = {
        "steps": 6,
        "problems": {"kind": "builtin", "level": "easy", "train_count": 64, "heldout_count": 16},
        "method": {
            "kind": "grpo",
            "sampling": {"prompts_per_step": 4, "samples_per_prompt": 4, "max_tokens": 32},
        },
        "evaluation": {"every_steps": 3, "problems": 4, "samples": 2, "max_tokens": 32},
        "checkpoints": {"every_steps": 2, "keep_last": 2},
        "hardware": {"device": "cpu", "threads": 1},
    }
    return config | changes


def new_run(folder: Path, config: dict[str, Any]) -> Path:
    """A run's folder with this config."""
    folder.mkdir(parents=True)
    (folder / "config.json").write_text(json.dumps(config))
    return folder


def start(folder: Path, *options: str) -> WarmTrainer:
    """`python -m training run` on the folder, in a process of its own."""
    return WarmTrainer(["run", str(folder), *options])


def finish(process: WarmTrainer, code: int = 0) -> str:
    """Wait for the end, check the exit code, return what was written to stderr."""
    _, errors = process.communicate(timeout=240)
    assert process.returncode == code, errors
    return errors


def events(folder: Path) -> list[AnyEvent]:
    """All events of a run, in order."""
    return list(all_events(folder / "events.jsonl"))


def kill_when(process: WarmTrainer, folder: Path, said: str) -> None:
    """SIGKILL as soon as the event file holds this text."""
    path = folder / "events.jsonl"
    deadline = time.monotonic() + 120
    while not (path.exists() and said in path.read_text()):
        assert process.poll() is None, process.communicate()[1]
        assert time.monotonic() < deadline, f"never said {said}"
        time.sleep(0.005)
    process.kill()
    process.communicate()


def rows(folder: Path) -> dict[tuple[Any, ...], Any]:
    """What a follower of the events would have stored, without what depends on the machine or the moment.

    A start voids whatever was said of steps after the one it resumes from. Raises when something was said twice.
    """
    stored: dict[tuple[Any, ...], Any] = {}
    for event in events(folder):
        if isinstance(event, Started):
            kept = -1 if event.resumed_step is None else event.resumed_step
            stored = {key: value for key, value in stored.items() if key[1] <= kept}
        for key, value in _rows_of(event):
            assert key not in stored, f"said twice: {key}"
            stored[key] = value
    return stored


def _rows_of(event: AnyEvent) -> list[tuple[tuple[Any, ...], Any]]:
    if isinstance(event, Metrics):
        figures = {name: value for name, value in event.values.items() if name.split("/")[0] not in MACHINE}
        return [(("metric", event.step, name), value) for name, value in figures.items()]
    if isinstance(event, RolloutGroup):
        return [(("group", event.step, event.split, event.index), event.model_dump(exclude={"at"}))]
    if isinstance(event, TreeRecord):
        timed = {"at", "seconds", "prefix_recomputed"}  # depend on which trees grew together
        return [(("tree", event.step, event.split, event.index), event.model_dump(exclude=timed))]
    if event.kind in ("phase", "started", "asked", "growing", "rankings_loaded"):  # said anew by every attempt
        return []
    return [((event.kind, event.step, getattr(event, "code", "")), event.model_dump(exclude={"at", "size", "seconds"}))]
