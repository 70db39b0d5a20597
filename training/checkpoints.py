"""Checkpoints on disk: either complete under their name, or not there. What is kept follows one rule.

A checkpoint is a Hugging Face folder (weights as safetensors, config, tokenizer) with one more file, the trainer's
state. It is written under another name, forced to disk, and renamed; a crash leaves at most a folder to sweep up.
"""

import os
import re
import shutil
from collections.abc import Callable
from pathlib import Path

STATE_FILE = "trainer_state.pt"
"""What training needs to go on; whoever only wants the model leaves it out."""

PIN = "PINNED"
"""A file of this name in a checkpoint keeps it for ever."""

UNFINISHED = ".unfinished-"
_NAME = re.compile(r"step_(\d{6,})")


def checkpoint_name(step: int) -> str:
    """Folder of a step's checkpoint."""
    return f"step_{step:06d}"


class CheckpointFolder:
    """The checkpoints of one run."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def steps(self) -> list[int]:
        """Steps of the complete checkpoints, oldest first."""
        found = [_NAME.fullmatch(entry.name) for entry in self.path.glob("step_*") if entry.is_dir()]
        return sorted(int(match[1]) for match in found if match)

    def newest(self) -> int | None:
        """Step of the latest complete checkpoint."""
        return max(self.steps(), default=None)

    def of(self, step: int) -> Path:
        """Where the checkpoint of a step is, or would be."""
        return self.path / checkpoint_name(step)

    def save(self, step: int, write: Callable[[Path], None]) -> int:
        """Let `write` fill a folder, and make it the checkpoint of `step`. Returns its size in bytes."""
        self.path.mkdir(parents=True, exist_ok=True)
        self.sweep()
        unfinished = self.path / f"{UNFINISHED}{checkpoint_name(step)}"
        unfinished.mkdir()
        write(unfinished)
        _force_to_disk(unfinished)
        if self.of(step).exists():  # saved by an attempt that was resumed from further back
            self.remove(step)
        unfinished.rename(self.of(step))
        sync(self.path)
        return self.size(step)

    def size(self, step: int) -> int:
        """Bytes of a checkpoint."""
        return sum(path.stat().st_size for path in self.of(step).rglob("*") if path.is_file())

    def prune(self, keep_last: int, *kept_too: int | None) -> list[int]:
        """Remove all but the latest `keep_last`, those named and the pinned ones; returns the steps removed."""
        steps = self.steps()
        kept = {*steps[-keep_last:], *kept_too, *(step for step in steps if (self.of(step) / PIN).exists())}
        removed = [step for step in steps if step not in kept]
        for step in removed:
            self.remove(step)
        return removed

    def remove(self, step: int) -> None:
        """Remove one checkpoint; it is gone at once, even when the process dies on the way."""
        gone = self.path / f"{UNFINISHED}removed-{checkpoint_name(step)}"
        self.of(step).rename(gone)
        shutil.rmtree(gone)

    def clear(self) -> None:
        """Remove every checkpoint, to start anew."""
        for step in self.steps():
            self.remove(step)

    def sweep(self) -> None:
        """Remove what a killed process left half written or half removed."""
        for leftover in self.path.glob(f"{UNFINISHED}*"):
            shutil.rmtree(leftover, ignore_errors=True)


def _force_to_disk(folder: Path) -> None:
    for path in (*folder.rglob("*"), folder):
        sync(path)


def sync(path: Path) -> None:
    """Wait until a file or folder is on the disk."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
