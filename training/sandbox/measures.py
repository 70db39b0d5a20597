"""Figures that the manager goes by and shows."""

import time
from collections import Counter, deque
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from training.sandbox.types import ExecutionResult, Failure, Percentiles, Status

_LOOK_AGAIN_S = 0.2
_REMEMBERED, _SHOWN = 2_000, 20


class Tally:
    """What has come of calls so far, and of the latest in detail."""

    def __init__(self) -> None:
        self._outcomes: Counter[str] = Counter()
        self._walls: deque[float] = deque(maxlen=_REMEMBERED)
        self._totals: deque[float] = deque(maxlen=_REMEMBERED)
        self._failures: deque[Failure] = deque(maxlen=_SHOWN)

    def count(self, result: ExecutionResult, seconds: float) -> None:
        """A result, given so long after it was asked for."""
        self._outcomes[result.status] += 1
        self._totals.append(seconds)
        if result.is_infrastructure:
            self.note(result.status, result.detail)
        else:
            self._walls.append(result.wall_s)

    def note(self, status: Status, detail: str) -> None:
        """A failure of the service."""
        self._failures.appendleft(Failure(time.time(), status, detail))

    def shown(self) -> dict[str, Any]:
        """Fields of a `SandboxStatus`."""
        return {
            "outcomes": dict(self._outcomes),
            "wall": percentiles(self._walls),
            "total": percentiles(self._totals),
            "failures": list(self._failures),
        }


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
