"""What a machine computes with: its processor and its GPUs, at the moment of asking."""

import os
import platform
from dataclasses import asdict, dataclass
from functools import cache
from pathlib import Path
from typing import Any

import psutil

CGROUP = Path("/sys/fs/cgroup")
"""Where a container finds the limits it lives under."""


@dataclass(frozen=True, slots=True)
class Device:
    """Memory in bytes, utilisation as a share, temperature in °C; None where the machine does not tell."""

    name: str
    total: int
    used: int
    utilisation: float | None = None
    temperature: float | None = None

    @property
    def free(self) -> int:
        return max(self.total - self.used, 0)

    @property
    def memory_share(self) -> float:
        return self.used / self.total if self.total else 0.0


@dataclass(frozen=True, slots=True)
class Gpu(Device):
    """A GPU; ``index`` is its place in the order of the bus, ``uuid`` its name among all of the world."""

    index: int = 0
    uuid: str = ""


@dataclass(frozen=True, slots=True)
class Processor(Device):
    """All cores that this process may use, and the memory they share."""

    cores: int = 1


def read_processor() -> Processor:
    """This machine's; in a container with the container's limit of memory. Utilisation is since the call before."""
    total, used = _memory()
    return Processor(
        name=_processor_name(),
        total=total,
        used=used,
        utilisation=psutil.cpu_percent() / 100,
        temperature=_temperature(),
        cores=len(os.sched_getaffinity(0)),
    )


def memory_in_use() -> tuple[int, int]:
    """Bytes of this machine's memory that are in use, and all there are; in a container by its limit."""
    total, used = _memory()
    return used, total


def as_json(device: Device) -> dict[str, Any]:
    """For a row; `Gpu(**values)` and `Processor(**values)` take it back."""
    return asdict(device)


def _memory() -> tuple[int, int]:
    memory = psutil.virtual_memory()
    limit, used = _number(CGROUP / "memory.max"), _number(CGROUP / "memory.current")
    if limit is None or used is None or limit >= memory.total:
        return memory.total, memory.total - memory.available
    return limit, max(used - _cached(), 0)


def _cached() -> int:
    """Bytes of files that count as used and would be given up at once."""
    try:
        lines = (CGROUP / "memory.stat").read_text().splitlines()
    except OSError:
        return 0
    return next((int(line.split()[1]) for line in lines if line.startswith("inactive_file ")), 0)


def _number(path: Path) -> int | None:
    try:
        return int(path.read_text())
    except (OSError, ValueError):  # there is none, or it says "max"
        return None


def _temperature() -> float | None:
    read = getattr(psutil, "sensors_temperatures", None)  # Linux and FreeBSD only
    found = [each.current for name, group in (read() if read else {}).items() if "gpu" not in name for each in group]
    return max(found, default=None)


@cache
def _processor_name() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        lines = []
    named = (line.partition(":")[2].strip() for line in lines if line.startswith("model name"))
    return next(named, "") or platform.machine()
