"""Ending a run from outside: the first signal asks to stop after the step at hand, a second one ends it at once."""

import os
import signal
import time
from types import FrameType

SAME_REQUEST_S = 1.0
"""Signals this close together are one request: a terminal or a launcher may deliver it twice."""


class StopSignal:
    """Remembers that SIGTERM or SIGINT has come."""

    def __init__(self) -> None:
        self._asked_at: float | None = None

    @property
    def requested(self) -> bool:
        """Whether a signal has come."""
        return self._asked_at is not None

    def listen(self) -> None:
        """Take over SIGTERM and SIGINT of this process."""
        signal.signal(signal.SIGTERM, self._handle)
        signal.signal(signal.SIGINT, self._handle)

    def _handle(self, number: int, frame: FrameType | None) -> None:
        now = time.monotonic()
        if self._asked_at is None:
            self._asked_at = now
        elif now - self._asked_at > SAME_REQUEST_S:
            os._exit(128 + number)


class Stopped(Exception):  # noqa: N818  # no error: somebody asked for it
    """A run was asked to stop before its first step."""
