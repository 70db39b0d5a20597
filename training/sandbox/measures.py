"""Figures that the manager goes by and shows."""

import time
from collections import deque
from dataclasses import dataclass
from pathlib import Path

from training.sandbox.types import Percentiles

_LOOK_AGAIN_S = 0.2


def percentiles(seconds: deque[float]) -> Percentiles:
    """Of some durations, in milliseconds; zeros for none."""
    ordered = sorted(seconds)
    if not ordered:
        return Percentiles()
    return Percentiles(
        *(1000 * ordered[min(len(ordered) - 1, int(share * len(ordered)))] for share in (0.5, 0.95, 0.99))
    )


def free_memory_mb() -> int:
    """What the kernel thinks could be had without swapping; much where it does not say."""
    now = time.monotonic()
    if now - _memory.looked > _LOOK_AGAIN_S:
        _memory.looked = now
        _memory.free_mb = 1 << 20
        for line in Path("/proc/meminfo").read_text().splitlines():
            if line.startswith("MemAvailable:"):
                _memory.free_mb = int(line.split()[1]) // 1024
    return _memory.free_mb


@dataclass(slots=True)
class _Memory:
    looked: float = float("-inf")
    free_mb: int = 1 << 20


_memory = _Memory()
