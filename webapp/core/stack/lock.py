"""One stack a data folder: the first holds a lock while it lives, and says in the file where it is."""

import fcntl
import json
import os
from pathlib import Path
from typing import NamedTuple, Self, TextIO


class Holder(NamedTuple):
    """Who runs the stack of a data folder."""

    pid: int
    address: str


class StackLock:
    """The lock of one data folder, held from `take` to the end of a `with` block.

    The kernel frees it when its process ends, however that happens.
    """

    def __init__(self, data: Path) -> None:
        self._path = data / "up.lock"
        self._file: TextIO | None = None

    def take(self, address: str) -> Holder | None:
        """Hold the lock and return None, or return who holds it."""
        descriptor = os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        file = os.fdopen(descriptor, "r+")
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            with file:
                return Holder(**json.loads(file.read() or '{"pid": 0, "address": "an address not known yet"}'))
        file.truncate(0)
        json.dump(Holder(os.getpid(), address)._asdict(), file)
        file.flush()
        self._file = file
        return None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        if self._file is not None:
            self._file.close()
