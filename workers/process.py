"""A trainer as a child process, with everything it starts: begun, asked to end, and certainly ended."""

import ctypes
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import suppress
from functools import partial
from pathlib import Path

import psutil

COMMAND = (sys.executable, "-m", "training", "run")
LOG_FILE = "log.txt"
FAMILY = "ESPALIER_RUN_DIR"
"""Environment variable that a trainer and all its descendants carry; unlike a process group they cannot leave it."""
SECRETS = ("DATABASE_URL", "BROKER_URL", "SECRET_KEY")
"""What a trainer neither needs nor gets."""
KILL_SECONDS = 20.0
PR_SET_PDEATHSIG = 1
# Loaded before any fork: between fork and exec a child must do as little as possible.
_libc = ctypes.CDLL(None) if sys.platform == "linux" else None


class TrainingProcess:
    """`python -m training run RUN_DIR`. It dies with the thread that starts it."""

    def __init__(self, folder: Path, data: Path, cpu_only: bool) -> None:
        self._folder = folder
        end_family(folder)
        self.log_begin = _size(folder / LOG_FILE)
        with (folder / LOG_FILE).open("ab") as log:
            self._child = subprocess.Popen(
                [*COMMAND, str(folder)],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                env=trainer_environment(folder, data) | ({"CUDA_VISIBLE_DEVICES": ""} if cpu_only else {}),
                start_new_session=True,
                preexec_fn=partial(die_with, os.getpid(), signal.SIGKILL),
            )

    def wait(self, seconds: float) -> int | None:
        """Its exit code (negative: a signal's number) as soon as it has ended, None if it has not within `seconds`."""
        try:
            return self._child.wait(seconds)
        except subprocess.TimeoutExpired:
            return None

    def terminate(self) -> None:
        """Ask it to finish its step, save and exit."""
        if self._child.poll() is None:
            self._child.terminate()

    def kill(self) -> None:
        """End it and all it started, at once."""
        if self._child.poll() is None:
            self._child.kill()
        self._child.wait()
        end_family(self._folder)


def end_family(folder: Path) -> None:
    """Kill every process of this machine that works for the run in `folder`; returns when none is left.

    A trainer must be alone in its folder, and what a killed worker or launcher left behind may still write there.
    """
    deadline = time.monotonic() + KILL_SECONDS
    while members := list(_family(folder)):
        for process in members:
            with suppress(psutil.NoSuchProcess):
                process.kill()
        psutil.wait_procs(members, timeout=1)
        if time.monotonic() > deadline:
            raise OSError(f"processes {[process.pid for process in members]} of {folder} cannot be killed")


def die_with(parent: int, number: signal.Signals) -> None:
    """Have the kernel send this process the signal when the thread of `parent` that started it ends."""
    if _libc is not None:
        _libc.prctl(PR_SET_PDEATHSIG, int(number))
        if os.getppid() != parent:  # it ended before the kernel was told
            os._exit(1)


def trainer_environment(folder: Path, data: Path) -> dict[str, str]:
    """The environment of whatever computes in `folder`: the data folder to look in, and no secrets."""
    environment = {name: value for name, value in os.environ.items() if name not in SECRETS}
    return environment | {FAMILY: str(folder), "ESPALIER_DATA": str(data), "PYTHONUNBUFFERED": "1"}


def _family(folder: Path) -> Iterator[psutil.Process]:
    for process in psutil.process_iter():
        try:
            if process.environ().get(FAMILY) == str(folder) and process.status() != psutil.STATUS_ZOMBIE:
                yield process
        except (psutil.Error, OSError):
            continue  # gone, or another user's


def _size(path: Path) -> int:
    return path.stat().st_size if path.exists() else 0
