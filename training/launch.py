"""Starts the processes of a run that trains on several, and ends them together.

They find each other by torchrun's environment variables, so `torchrun -m training run RUN_DIR` works as well. torchrun
itself is not used here because it kills its processes 30 s after a SIGTERM, and a step may need longer to end and save.
"""

import ctypes
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Sequence
from types import FrameType

from training.stopping import SAME_REQUEST_S

POLL_S = 0.1
LOST = "rank {rank} of {count} processes ended first"
"""What is said when one of several fails."""
_PR_SET_PDEATHSIG = 1


def is_launched() -> bool:
    """Whether this process is one of several that were started together."""
    return "RANK" in os.environ


def launch(count: int, arguments: Sequence[str]) -> int:
    """Run `python -m training ARGUMENTS` in `count` processes; returns the first exit code that is not 0.

    When one fails the others are killed: they would wait for it for ever; which one it was is said on stderr. SIGTERM
    and SIGINT are passed on as SIGTERM, a second one ends all at once.
    """
    rendezvous = {"MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(free_port()), "WORLD_SIZE": str(count)}
    children = [
        subprocess.Popen(
            [sys.executable, "-m", "training", *arguments],
            env={**os.environ, **rendezvous, "RANK": str(rank), "LOCAL_RANK": str(rank)},
            preexec_fn=_die_with_parent,
        )
        for rank in range(count)
    ]
    _pass_signals_on(children)
    while True:
        codes = [child.poll() for child in children]
        failed = [(code, rank) for rank, code in enumerate(codes) if code]
        if failed:
            code, rank = min(failed)  # a killed one, with a code below 0, before those that fail for want of it
            _kill(children)
            if count > 1:
                print(LOST.format(rank=rank, count=count), file=sys.stderr)
            return code if code > 0 else 128 - code
        if all(code == 0 for code in codes):
            return 0
        time.sleep(POLL_S)


def _pass_signals_on(children: Sequence[subprocess.Popen[bytes]]) -> None:
    asked_at: list[float] = []

    def handle(number: int, frame: FrameType | None) -> None:
        now = time.monotonic()
        if asked_at and now - asked_at[0] > SAME_REQUEST_S:
            _kill(children)
            os._exit(128 + number)
        asked_at.append(now)
        for child in children:
            child.terminate()

    signal.signal(signal.SIGTERM, handle)
    signal.signal(signal.SIGINT, handle)


def _kill(children: Sequence[subprocess.Popen[bytes]]) -> None:
    for child in children:
        child.kill()
    for child in children:
        child.wait()


def _die_with_parent() -> None:
    """In the child: be killed when the launcher is, however it ends (Linux only; elsewhere nothing happens)."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
