"""A process of the stack: started, watched, started again when it dies, and stopped."""

import os
import signal
import subprocess
import time
from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path

from webapp.core.processes import die_with

QUICK_S = 20.0
"""A process that lived shorter died quickly."""
MOST_QUICK_DEATHS = 5
FIRST_PAUSE_S = 0.5
"""Before a process that died is started again; twice as long after each quick death."""
LOG_BYTES = 20 * 2**20
"""A longer log is put aside when its process starts."""
SHOWN_LINES = 15
REFUSED_EXIT_CODE = 78
"""EX_CONFIG of sysexits.h. A process that ends with it says that this machine cannot have it: trying again is useless,
and the others can do without it."""


class GaveUp(Exception):  # noqa: N818  # a reason, in words for the user
    """A process died again and again."""


class Child:
    """One process in a session of its own, so that a Ctrl-C in the terminal reaches nobody but the stack's head.

    When the head is killed, the child gets a SIGTERM from the kernel.
    """

    def __init__(
        self, name: str, command: Sequence[str], folder: Path, log: Path, environment: Mapping[str, str]
    ) -> None:
        self.name = name
        self.log = log
        self._command = command
        self._folder = folder
        self._environment = environment
        self._process: subprocess.Popen[bytes] | None = None
        self._began = 0.0
        self._quick_deaths = 0
        self._again_at: float | None = None

    def start(self) -> None:
        """Begin."""
        if self.log.exists() and self.log.stat().st_size > LOG_BYTES:
            self.log.replace(self.log.with_suffix(".old.log"))
        with self.log.open("ab") as log:
            self._process = subprocess.Popen(
                self._command,
                cwd=self._folder,
                env=self._environment,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
                preexec_fn=partial(die_with, os.getpid(), signal.SIGTERM),
            )
        self._began = time.monotonic()
        self._again_at = None

    def look_after(self) -> str:
        """Start it again when it died, later after each quick death; returns what there is to say, mostly nothing.

        Raises GaveUp after `MOST_QUICK_DEATHS` in a row.
        """
        if self._process is None or (code := self._process.poll()) is None:
            return ""
        if self._again_at is None:
            return self._note_death(code)
        if time.monotonic() >= self._again_at:
            self.start()
        return ""

    def terminate(self) -> None:
        """Ask it to end."""
        if self.is_alive():
            assert self._process is not None
            self._process.terminate()

    def kill(self) -> None:
        """End it, with all processes of its session."""
        if self._process is not None:
            try:
                os.killpg(self._process.pid, signal.SIGKILL)
            except ProcessLookupError:
                pass
            self._process.wait()

    def is_alive(self) -> bool:
        """Whether it runs."""
        return self._process is not None and self._process.poll() is None

    def last_words(self) -> str:
        """The end of its log."""
        text = self.log.read_bytes()[-8192:].decode("utf-8", "replace") if self.log.exists() else ""
        return "\n".join(text.splitlines()[-SHOWN_LINES:])

    def _note_death(self, code: int) -> str:
        if code == REFUSED_EXIT_CODE:
            self._again_at = float("inf")
            return f"{self.name} does not run on this machine; {self.log} says why"
        quick = time.monotonic() - self._began < QUICK_S
        self._quick_deaths = self._quick_deaths + 1 if quick else 1
        if self._quick_deaths >= MOST_QUICK_DEATHS:
            raise GaveUp(
                f"{self.name} ended {self._quick_deaths} times in a row soon after its start. The end of {self.log}:\n"
                f"{self.last_words()}"
            )
        self._again_at = time.monotonic() + FIRST_PAUSE_S * 2 ** (self._quick_deaths - 1)
        how = f"was killed by signal {-code}" if code < 0 else f"ended with exit code {code}"
        return f"{self.name} {how}; starting it again"
