"""Where events go: a file that others may follow, or a list."""

import os
from pathlib import Path
from typing import Protocol

from training.events.types import AnyEvent


class EventSink(Protocol):
    """Receives a trainer's events in order, from the first process only."""

    def emit(self, event: AnyEvent) -> None: ...

    def close(self) -> None: ...


class ListSink:
    """Keeps events in memory; for tests and notebooks."""

    def __init__(self) -> None:
        self.events: list[AnyEvent] = []

    def emit(self, event: AnyEvent) -> None:
        self.events.append(event)

    def close(self) -> None:
        """Nothing to release."""


class JsonlSink:
    """Appends one JSON line an event, whole lines only, so that a reader can follow.

    A line that a killed trainer left unfinished is cut off first: readers never took it, and
    appending to it would spoil the next one.
    """

    def __init__(self, path: Path) -> None:
        self._file = path.open("ab", buffering=0)
        _cut_unfinished_line(path)

    def emit(self, event: AnyEvent) -> None:
        self._file.write(event.model_dump_json(exclude_defaults=False).encode() + b"\n")

    def close(self) -> None:
        self._file.close()


def _cut_unfinished_line(path: Path, block: int = 65_536) -> None:
    with path.open("rb+") as file:
        end = size = file.seek(0, os.SEEK_END)
        while end > 0:
            start = max(end - block, 0)
            file.seek(start)
            newline = file.read(end - start).rfind(b"\n")
            if newline >= 0:
                end = start + newline + 1
                break
            end = start
        if end != size:
            file.truncate(end)
