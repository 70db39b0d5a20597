"""A hostile program, run before any of a model's: it tries what isolation must stop, and says what it could do.

Its text is sent into the sandbox after a line that says where the bait lies. It imports nothing of this project.
"""

import contextlib
import ctypes
import importlib
import json
import os
import resource
import socket
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

BAIT: dict[str, Any] = {}
_libc = ctypes.CDLL(None, use_errno=True)
_PTRACE_ATTACH, _NEWUSER, _IO_URING_SETUP = 16, 0x10000000, 425
_LIMITS = ("AS", "NPROC", "FSIZE", "NOFILE", "CPU", "CORE", "DATA", "MEMLOCK")


def fails(attempt: Callable[[], object]) -> bool:
    """Whether something raises what the kernel says no with."""
    try:
        attempt()
    except (OSError, ValueError):
        return True
    return False


def read(path: str) -> str:
    return Path(path).read_text(errors="replace")


def connect(family: int, address: Any) -> None:
    with socket.socket(family, socket.SOCK_STREAM) as link:
        link.settimeout(1)
        link.connect(address)


def send_letter(path: str) -> None:
    one, _ = socket.socketpair(socket.AF_UNIX, socket.SOCK_DGRAM)
    one.sendto(b"x", path)


def others() -> list[int]:
    return [pid for pid in (os.getppid(), BAIT["manager"], BAIT["zygote"]) if pid and pid != os.getpid()]


def hides_environments() -> bool:
    for pid in [*others(), "self", 1]:
        with contextlib.suppress(OSError):
            if BAIT["canary"] in read(f"/proc/{pid}/environ"):
                return False
    return not any(BAIT["canary"] in value for value in os.environ.values())


def no_descriptors() -> bool:
    for number in range(3, 256):
        with contextlib.suppress(OSError):
            os.fstat(number)
            return False
    return True


def no_memory() -> bool:
    try:
        bytearray(64 << 30)
    except MemoryError:
        return True
    return False


def all_limited() -> bool:
    hard = [resource.getrlimit(getattr(resource, f"RLIMIT_{name}"))[1] for name in _LIMITS]
    return resource.RLIM_INFINITY not in hard


def lazy_imports() -> bool:
    names = ("xml.etree.ElementTree", "sympy.physics.units", "numpy.testing")
    return all(importlib.import_module(name) for name in names)


def orphan() -> None:
    """A process that outlives its parents; it shows itself by the bait's file, or by staying."""
    with contextlib.suppress(OSError):
        if os.fork() == 0:
            os.setsid()
            if os.fork() == 0:
                time.sleep(30)
            os._exit(0)


def main() -> None:
    """Try all, print what held."""
    folder, port = str(BAIT["folder"]), BAIT["port"]
    held = {
        "files are hidden": fails(lambda: read(f"{folder}/secret")),
        "folders are hidden": fails(lambda: list(Path(folder).iterdir())),
        "files cannot be written": fails(lambda: Path(folder, "written").write_text("x")),
        "environments are hidden": hides_environments(),
        "no TCP": fails(lambda: connect(socket.AF_INET, ("127.0.0.1", port))),
        "no sockets in files": fails(lambda: connect(socket.AF_UNIX, f"{folder}/socket")),
        "no abstract sockets": fails(lambda: connect(socket.AF_UNIX, b"\0" + str(BAIT["abstract"]).encode())),
        "no letters to sockets": fails(lambda: send_letter(f"{folder}/letters")),
        "no signals to others": all(fails(partial(os.kill, pid, 0)) for pid in others()),
        "no tracing": all(_libc.ptrace(_PTRACE_ATTACH, pid, 0, 0) != 0 for pid in others()),
        "no new namespaces": _libc.unshare(_NEWUSER) != 0,
        "no io_uring": _libc.syscall(_IO_URING_SETUP, 1, ctypes.create_string_buffer(256)) < 0,
        "limits are set": all_limited(),
        "memory is limited": no_memory(),
        "not root": os.getuid() != 0,
        "no descriptors": no_descriptors(),
        "packages can be imported": lazy_imports(),
    }
    orphan()
    print(json.dumps(held), flush=True)


if __name__ == "__main__":
    main()
