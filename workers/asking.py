"""Asks the trainer something short, in a folder: a child process reads what stands there and writes beside it."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from functools import partial
from pathlib import Path

from django.conf import settings

from webapp.core.processes import die_with
from workers import failure
from workers.process import end_family, trainer_environment

LIMIT_S = 600
LOG_FILE = "log.txt"
POLL_S = 0.25


def ask(folder: Path, arguments: Sequence[str]) -> str:
    """Run `python -m training ARGUMENTS` to its end; returns why it failed, or nothing."""
    with (folder / LOG_FILE).open("wb") as log:
        child = subprocess.Popen(
            [sys.executable, "-m", "training", *arguments],
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
            env=trainer_environment(folder, settings.ESPALIER_DATA),
            start_new_session=True,
            preexec_fn=partial(die_with, os.getpid(), signal.SIGKILL),
        )
    deadline = time.monotonic() + LIMIT_S
    try:
        while (code := _wait(child)) is None:
            (folder / LOG_FILE).touch()  # whoever reads it sees that somebody still waits for the answer
            if time.monotonic() > deadline:
                return f"It took longer than {LIMIT_S // 60} minutes and was given up."
    finally:
        if child.poll() is None:
            child.kill()
            child.wait()
        end_family(folder)
    return failure.explain(code, folder / LOG_FILE, 0, out_of_memory=False) if code else ""


def _wait(child: "subprocess.Popen[bytes]") -> int | None:
    try:
        return child.wait(POLL_S)
    except subprocess.TimeoutExpired:
        return None
