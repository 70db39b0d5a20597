"""Users under which calls run where nothing but their user tells their processes apart from others.

Whatever such a user runs is ended with the call, so no two sandboxes of a machine may use the same ones at once.
"""

import socket
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

_RANGES = ((1_900_000_000, 65_536, 64), (20_000, 8_192, 5))
"""First user, users of one sandbox, sandboxes. The first range is nobody's by the conventions of Linux; a container
whose users are mapped may have no more than 65,536."""


@dataclass(slots=True)
class Users:
    """A range, held until `close` or the end of the process."""

    first: int
    count: int
    _lease: socket.socket

    def close(self) -> None:
        """Let another have it."""
        self._lease.close()


def lease_users() -> Users:
    """The first range that is free. Raises OSError when none is."""
    first, count, most = next(each for each in _RANGES if _exists(each[0]))
    for number in range(most):
        # The kernel gives such a name to one process, and takes it back with the process.
        holder = socket.socket(socket.AF_UNIX)
        with suppress(OSError):
            holder.bind(f"\0sandbox-users-{first}-{number}")
            return Users(first + number * count, count, holder)
        holder.close()
    raise OSError("all users for calls are taken by other sandboxes")


def _exists(user: int) -> bool:
    """Whether this namespace of users has it."""
    try:
        lines = Path("/proc/self/uid_map").read_text().splitlines()
    except OSError:
        return True
    ranges = [tuple(map(int, line.split())) for line in lines]
    return user < 65_536 or any(inside <= user < inside + count for inside, _, count in ranges)
