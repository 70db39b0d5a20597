"""The isolation that a user of this machine can have, and how each kind is got here."""

import asyncio
import os
import secrets
import socket
import tempfile
from collections.abc import Coroutine, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from training.sandbox.client import LocalSandbox
from training.sandbox.tiers import project_folder
from training.sandbox.types import ExecutionResult

ORDINARY_USER = 40_001
SYSTEM_PYTHON = "/usr/bin/python3.11"


def options(tier: str) -> dict[str, Any]:
    pythons = (SYSTEM_PYTHON,) if tier != "ns-root" and Path(SYSTEM_PYTHON).exists() else ()
    become = ORDINARY_USER if tier.endswith("user") and os.geteuid() == 0 else 0
    return {"tiers": (tier,), "pythons": pythons, "become": become}


TIERS = ("ns-root", "ns-user", "ll-root", "ll-user") if os.geteuid() == 0 else ("ns-user", "ll-user")


def start(tier: str, zygotes: int = 1, slots: int = 0) -> LocalSandbox:
    """A sandbox of this tier and no other: it is proven like any."""
    return LocalSandbox(zygotes=zygotes, slots=slots, **options(tier))


_LAID = {"secret", "socket", "letters"}


@dataclass
class Bait:
    """What lies open on the machine while attacks run, and whether any of it was touched."""

    folder: Path
    canary: str = field(default_factory=lambda: secrets.token_hex(8))
    abstract: str = field(default_factory=lambda: f"sandbox-tests-{secrets.token_hex(8)}")
    listeners: list[socket.socket] = field(default_factory=list)

    @property
    def secret(self) -> Path:
        return self.folder / "secret"

    def names(self, service: list[int]) -> dict[str, Any]:
        """For programs: where all of it is. `service`: processes of the sandbox."""
        return {
            "SECRET": str(self.secret),
            "FOLDER": str(self.folder),
            "SOCKET": str(self.folder / "socket"),
            "ABSTRACT": self.abstract,
            "LETTERS": str(self.folder / "letters"),
            "PORT": self.listeners[0].getsockname()[1],
            "CANARY": self.canary,
            "PROJECT": str(project_folder()),
            "SERVICE": service,
        }

    def traces(self) -> list[str]:
        """What programs did to it."""
        found = [f"a file {path.name}" for path in self.folder.iterdir() if path.name not in _LAID]
        for listener in self.listeners:
            listener.setblocking(False)
            try:
                listener.accept() if listener.type == socket.SOCK_STREAM else listener.recv(1)
                found.append(f"a visitor at {listener.getsockname()!r}")
            except BlockingIOError:
                pass
        status = self.secret.stat()
        if (status.st_mode & 0o777, status.st_size, int(status.st_mtime)) != (0o666, 6, 1_000_000):
            found.append(f"the secret has changed: {status}")
        if self.folder.stat().st_mode & 0o777 != 0o777:
            found.append("the folder's mode has changed")
        return found


@contextmanager
def bait() -> Iterator[Bait]:
    """Secrets and listeners that every user of the machine may reach."""
    with ExitStack() as stack:
        laid = Bait(Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="sandbox-tests-"))))
        laid.folder.chmod(0o777)
        laid.secret.write_text("PROBE!")
        laid.secret.chmod(0o666)
        os.utime(laid.secret, (1_000_000, 1_000_000))
        os.environ["SANDBOX_TESTS_CANARY"] = laid.canary
        stack.callback(os.environ.pop, "SANDBOX_TESTS_CANARY", None)
        tcp = stack.enter_context(socket.socket())
        tcp.bind(("127.0.0.1", 0))
        udp = stack.enter_context(socket.socket(type=socket.SOCK_DGRAM))
        udp.bind(tcp.getsockname())
        laid.listeners += [tcp, udp]
        for name, kind in (("socket", socket.SOCK_STREAM), ("letters", socket.SOCK_DGRAM)):
            for address in (str(laid.folder / name), f"\0{laid.abstract}-{name}"):
                listener = stack.enter_context(socket.socket(socket.AF_UNIX, kind))
                listener.bind(address)
                laid.listeners.append(listener)
            (laid.folder / name).chmod(0o777)
        for listener in laid.listeners:
            if listener.type == socket.SOCK_STREAM:
                listener.listen(64)
        yield laid


def escapes(result: ExecutionResult) -> list[str]:
    """What a program says that worked."""
    lines = [*result.stdout.splitlines(), *result.stderr.splitlines()]
    return [line for line in lines if line.startswith("ESCAPE")]


def run_apart(work: Coroutine[Any, Any, Any]) -> Any:
    """`asyncio.run` in a thread of its own: a browser of another test may have left its loop running in this one."""
    with ThreadPoolExecutor(1) as apart:
        return apart.submit(asyncio.run, work).result()
