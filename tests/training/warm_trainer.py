"""Trainers for tests in processes of their own that need not import torch first: forked from one that has.

`python -m training` takes some seconds to import what it needs, which are most of what a tiny run takes. Here one
process imports it, and forks a child for each trainer; the child is a process like any other, to be stopped and killed.
"""

import multiprocessing
import os
import signal
import sys
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
PRELOADED = ["training.__main__", "training.run", "transformers.models.qwen2.modeling_qwen2"]
"""The last is the family of the built-in models."""


class WarmTrainer:
    """A trainer that runs `python -m training ARGUMENTS`; what the tests use of `subprocess.Popen`."""

    def __init__(self, arguments: Sequence[str], environment: Mapping[str, str] | None = None) -> None:
        """`environment` is added to the variables that it has anyway, such as torchrun's."""
        context = multiprocessing.get_context("forkserver")
        context.set_forkserver_preload(PRELOADED)
        handle, name = tempfile.mkstemp(prefix="trainer-", suffix=".stderr")
        os.close(handle)
        self._errors = Path(name)
        self._process = context.Process(target=_main, args=([*arguments], dict(environment or {}), name))
        self._process.start()

    @property
    def pid(self) -> int:
        """Its process id."""
        assert self._process.pid is not None
        return self._process.pid

    @property
    def returncode(self) -> int | None:
        """Its exit code, the negative number of the signal that ended it, or None while it runs."""
        return self._process.exitcode

    def poll(self) -> int | None:
        """The same."""
        return self._process.exitcode

    def send_signal(self, number: int) -> None:
        """Send it a signal, if it still runs."""
        if self.poll() is None:
            os.kill(self.pid, number)

    def terminate(self) -> None:
        """Ask it to end."""
        self.send_signal(signal.SIGTERM)

    def kill(self) -> None:
        """End it at once."""
        self.send_signal(signal.SIGKILL)

    def wait(self, timeout: float | None = None) -> int:
        """Its exit code, once it has ended. Raises TimeoutError."""
        self._process.join(timeout)
        if self._process.exitcode is None:
            raise TimeoutError(f"the trainer {self.pid} still runs after {timeout} s")
        return self._process.exitcode

    def communicate(self, timeout: float | None = None) -> tuple[None, str]:
        """Wait for its end; returns None for what it wrote to stdout, and what it wrote to stderr."""
        self.wait(timeout)
        errors = self._errors.read_text()
        self._errors.unlink()
        return None, errors


def _main(arguments: list[str], environment: dict[str, str], errors: str) -> None:
    """In the child: be the command line, with a stderr of its own."""
    descriptor = os.open(errors, os.O_WRONLY | os.O_APPEND)
    os.dup2(descriptor, 2)
    os.close(descriptor)
    sys.stderr = os.fdopen(2, "w", buffering=1, closefd=False)
    os.chdir(ROOT)
    os.environ.update(environment)
    from training.__main__ import main

    sys.exit(main(arguments))
