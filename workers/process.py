"""A trainer as a child process, with everything it starts: begun, asked to end, and certainly ended."""

import os
import signal
import subprocess
import sys
from collections.abc import Mapping
from functools import partial
from pathlib import Path

from webapp.core.processes import die_with, kill_marked

COMMAND = (sys.executable, "-m", "training", "run")
LOG_FILE = "log.txt"
FAMILY = "ESPALIER_RUN_DIR"
"""Environment variable that a trainer and all its descendants carry; unlike a process group they cannot leave it."""
ATTEMPT = "ESPALIER_ATTEMPT"
"""The same for one attempt: who was given up for dead and goes on must not end the trainer of the next."""
SECRETS = ("DATABASE_URL", "BROKER_URL", "SECRET_KEY", "SANDBOX_DATABASE_PASSWORD")
"""What a trainer neither needs nor gets."""


NICENESS = 5
"""Where trainers fill all cores, pages still come at once."""


class TrainingProcess:
    """`python -m training run RUN_DIR`, for one attempt of a run. It dies with the thread that starts it.

    ``devices``: what its environment says of the devices it may use.
    """

    def __init__(self, folder: Path, data: Path, devices: Mapping[str, str], attempt: int) -> None:
        self._folder, self._attempt = folder, attempt
        end_family(folder)
        self.log_begin = _size(folder / LOG_FILE)
        with (folder / LOG_FILE).open("ab") as log:
            self._child = subprocess.Popen(
                [*COMMAND, str(folder)],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                env=trainer_environment(folder, data, attempt) | dict(devices),
                start_new_session=True,
                preexec_fn=partial(_become_trainer, os.getpid()),
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
        end_attempt(self._folder, self._attempt)


def end_family(folder: Path) -> None:
    """Kill every process of this machine that works in `folder`; returns when none is left.

    A trainer must be alone in its folder, and what a killed worker or launcher left behind may still write there.
    """
    kill_marked(FAMILY, str(folder))


def end_attempt(folder: Path, attempt: int) -> None:
    """Kill what one attempt started in `folder`; returns when none of it is left."""
    kill_marked(ATTEMPT, _mark(folder, attempt))


def trainer_environment(folder: Path, data: Path, attempt: int = 0) -> dict[str, str]:
    """The environment of whatever computes in `folder`: the data folder to look in, and no secrets."""
    environment = {name: value for name, value in os.environ.items() if name not in SECRETS}
    marks = {FAMILY: str(folder), ATTEMPT: _mark(folder, attempt)}
    return environment | marks | {"ESPALIER_DATA": str(data), "PYTHONUNBUFFERED": "1"}


def _mark(folder: Path, attempt: int) -> str:
    return f"{folder}#{attempt}"


def _become_trainer(parent: int) -> None:
    os.nice(NICENESS)
    die_with(parent, signal.SIGKILL)


def _size(path: Path) -> int:
    return path.stat().st_size if path.exists() else 0
