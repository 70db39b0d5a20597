"""What a zygote is told when it starts, and for each call: plain values that cross a socket as JSON."""

import json
import struct
from dataclasses import asdict, dataclass
from typing import Any, Self

REPORT = struct.Struct("<BQiBddq")
"""What a zygote says of a call that ended: 0 (no JSON), number, wait status, why, CPU seconds (user, system), KiB."""

ENDED, TIMED_OUT, TOLD_TO = 0, 1, 2
"""Why it ended: by itself; at its time limit; killed on request. One that never ran is told of in words."""


@dataclass(frozen=True, slots=True)
class Setup:
    """Of a zygote."""

    namespaces: bool
    """Calls get namespaces of their own; else Landlock."""
    privileged: bool
    """Started by root: calls get users of their own."""
    binds: list[tuple[str, str]]
    """What programs may read: source on this machine, and where a call sees it."""
    packages: str
    """Where programs import packages from, as a call sees it."""
    hidden: str
    """Folder of this package, off the path once it is imported."""
    first_user: int
    """Of the slots' users, where there are any; inside the namespace of users, where there is one."""
    slots: int
    newest_landlock: int = 99
    """Bounds the version of Landlock used."""
    become: int = 0
    """User to become before anything else: how an ordinary user's isolation is tried by root."""

    @property
    def processes(self) -> bool:
        """Whether calls may start processes: only where all of them can be found and ended with the call."""
        return self.namespaces or self.privileged

    @property
    def sweeps(self) -> bool:
        """Whether what a call leaves behind is found by the call's user."""
        return self.privileged and not self.namespaces

    def dump(self) -> bytes:
        return json.dumps(asdict(self)).encode()

    @classmethod
    def load(cls, data: bytes) -> Self:
        values: dict[str, Any] = json.loads(data)
        return cls(**{**values, "binds": [(source, target) for source, target in values["binds"]]})


@dataclass(frozen=True, slots=True)
class Order:
    """Run a program, which comes with descriptors of its text, its stdin, stdout, stderr and report."""

    number: int
    slot: int
    wall_s: float
    cpu_s: int
    memory_mb: int
    processes: int
    file_mb: int

    def dump(self) -> bytes:
        return json.dumps(asdict(self)).encode()

    @classmethod
    def load(cls, values: dict[str, Any]) -> Self:
        return cls(**values)
