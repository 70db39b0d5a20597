"""What must be so before anything starts; each failure is one sentence that says what to do."""

import errno
import os
import shutil
import socket
import time
from pathlib import Path

LEAST_FREE_BYTES = 500 * 2**20
PORT_WAIT_S = 3.0
"""A web that was killed just now frees its port within this."""


class CannotStart(Exception):  # noqa: N818  # a reason, in words for the user
    """Why the stack cannot start, and what to do."""


def check_folder(data: Path) -> None:
    """The data folder can be written, and its disk has room. Raises CannotStart."""
    probe = data / ".writable"
    try:
        data.mkdir(parents=True, exist_ok=True)
        probe.write_bytes(b"x")
        probe.unlink()
    except OSError as error:
        raise CannotStart(
            f"The data folder {data} cannot be written ({error.strerror}). Make it writable, "
            "or choose another with ESPALIER_DATA=/path/to/folder."
        ) from error
    free = shutil.disk_usage(data).free
    if free < LEAST_FREE_BYTES:
        raise CannotStart(
            f"The disk of {data} is nearly full: {free // 2**20} MB are free, at least {LEAST_FREE_BYTES // 2**20} MB "
            "are needed. Make room, or choose a folder on another disk with ESPALIER_DATA=/path/to/folder."
        )


def make_private(folder: Path) -> None:
    """A folder that belongs to this user. Raises CannotStart where somebody else made it."""
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    if folder.stat().st_uid != os.geteuid():
        raise CannotStart(f"{folder} belongs to another user. Choose another data folder with ESPALIER_DATA=/path.")


def check_port(host: str, port: int) -> None:
    """Nobody listens there. Raises CannotStart."""
    deadline = time.monotonic() + PORT_WAIT_S
    while True:
        try:
            with socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET) as probe:
                probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
                probe.bind((host, port))
            return
        except OSError as error:
            if error.errno != errno.EADDRINUSE:
                raise CannotStart(f"Cannot listen on {host} port {port}: {error.strerror}. Choose another.") from error
            if time.monotonic() > deadline:
                raise CannotStart(
                    f"Port {port} is taken by another program. Choose another: make run PORT={port + 1}"
                    f"  (or: python manage.py up --port {port + 1})"
                ) from error
        time.sleep(0.3)
