"""What this machine has: memory, GPUs, disk."""

import shutil
import time
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import psutil
from django.conf import settings

from webapp.machines.devices import Gpu
from webapp.machines.gpus import Nvml

FRESH_SECONDS = 10
"""Figures are read anew after this."""


@dataclass(frozen=True, slots=True)
class Machine:
    """Bytes and counts, at the moment of asking."""

    memory: int
    memory_free: int
    disk_free: int
    gpus: tuple[Gpu, ...]


def this_machine() -> Machine:
    """The machine the web runs on; workers may run elsewhere."""
    return _read(int(time.monotonic() / FRESH_SECONDS))


@lru_cache(maxsize=1)
def _read(moment: int) -> Machine:
    memory = psutil.virtual_memory()
    folder = _existing(settings.RUNS_DIR)
    return Machine(
        memory=memory.total,
        memory_free=memory.available,
        disk_free=shutil.disk_usage(folder).free,
        gpus=Nvml().read(),
    )


def _existing(folder: Path) -> Path:
    """The folder, or the nearest one above it that is there already."""
    return next(each for each in (folder, *folder.parents) if each.is_dir())
