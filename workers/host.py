"""Names a process so that another one on the same machine can tell later whether it still lives."""

import socket
from functools import cache
from pathlib import Path

import psutil

PID_NAMESPACE = Path("/proc/self/ns/pid")
CLOCK_TOLERANCE_S = 0.05


@cache
def _machine() -> str:
    """Host name, and which of its process number spaces: containers may share the one and not the other."""
    namespace = PID_NAMESPACE.stat().st_ino if PID_NAMESPACE.exists() else 0
    return f"{socket.gethostname()[:60]}:{namespace}"


def this_process() -> str:
    """Name of this process; no other has had it or will."""
    return name_of(psutil.Process())


def name_of(process: psutil.Process) -> str:
    """Name of a process of this machine; empty when it has just ended."""
    try:
        return f"{_machine()}:{process.pid}:{process.create_time():.2f}"
    except psutil.NoSuchProcess:
        return ""


def is_dead(process: str) -> bool:
    """Whether `process` ran on this machine and is gone. False where this machine cannot know."""
    machine, _, rest = process.rpartition(":")[0].rpartition(":")
    if machine != _machine():
        return False
    try:
        began = psutil.Process(int(rest)).create_time()
    except psutil.NoSuchProcess:
        return True
    return bool(abs(began - float(process.rpartition(":")[2])) > CLOCK_TOLERANCE_S)
