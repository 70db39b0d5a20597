"""Processes that die with their parent, and processes found again by a mark in their environment."""

import ctypes
import os
import signal
import sys
import time
from collections.abc import Iterator
from contextlib import suppress

import psutil

PR_SET_PDEATHSIG = 1
# Loaded before any fork: between fork and exec a child must do as little as possible.
_libc = ctypes.CDLL(None) if sys.platform == "linux" else None


def die_with(parent: int, number: signal.Signals) -> None:
    """Have the kernel send this process the signal when the thread of ``parent`` that started it ends.

    For ``preexec_fn``: ``partial(die_with, os.getpid(), signal.SIGKILL)``. Does nothing where there is no Linux.
    """
    if _libc is not None:
        _libc.prctl(PR_SET_PDEATHSIG, int(number))
        if os.getppid() != parent:  # it ended before the kernel was told
            os._exit(1)


def marked(name: str, value: str) -> Iterator[psutil.Process]:
    """Living processes of this machine that carry this mark; unlike a process group, nobody leaves an environment."""
    for process in psutil.process_iter():
        try:
            if process.environ().get(name) == value and process.status() != psutil.STATUS_ZOMBIE:
                yield process
        except (psutil.Error, OSError):
            continue  # gone, or another user's


def kill_marked(name: str, value: str, seconds: float = 20.0) -> None:
    """Kill all processes with this mark; returns when none is left. Raises OSError when some do not die."""
    deadline = time.monotonic() + seconds
    while members := list(marked(name, value)):
        for process in members:
            with suppress(psutil.NoSuchProcess):
                process.kill()
        psutil.wait_procs(members, timeout=1)
        if time.monotonic() > deadline:
            raise OSError(f"processes {[process.pid for process in members]} of {value} cannot be killed")
