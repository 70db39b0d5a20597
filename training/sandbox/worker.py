"""One zygote as its manager sees it: a process at the other end of a socket, and the calls that it has under way."""

import asyncio
import json
import os
import signal
import socket
import subprocess
import tempfile
from collections.abc import Callable
from contextlib import suppress
from typing import Any

from training.sandbox.running import Ended, Running
from training.sandbox.setup import REPORT, Setup
from training.sandbox.tiers import project_folder

_BOOT = "import sys; sys.path.insert(0, sys.argv[1]); from training.sandbox.zygote import main; main(int(sys.argv[2]))"
_START_SECONDS, _END_SECONDS = 60.0, 1.0
_LATE_S = 15.0
"""After its time limit, in which a zygote ends a call: then the zygote hangs."""


class StartError(RuntimeError):
    """A zygote that could not enter its isolation; the message has its last words."""


class Worker:
    """Started by `start`, from the main thread: the kernel ends a zygote with the thread that made it."""

    def __init__(self, python: str, setup: Setup, place: int, lost: Callable[["Worker"], None]) -> None:
        self.place = place
        self.calls: dict[int, Running] = {}
        self.proven = False
        self.errors = 0
        """Calls in a row whose confinement could not be set up."""
        self._lost = lost
        self._loop = asyncio.get_running_loop()
        self._socket, self._process, self._said = _spawn(python, setup)
        self._ready: asyncio.Future[dict[str, Any]] = self._loop.create_future()
        self._loop.add_reader(self._socket.fileno(), self._hear)

    @property
    def pid(self) -> int:
        """Of the process that all its calls end with."""
        return self._process.pid

    @property
    def lives(self) -> bool:
        """Whether it can take calls."""
        return self._socket.fileno() >= 0

    async def ready(self) -> None:
        """Wait until it is warm. Raises StartError."""
        try:
            await asyncio.wait_for(asyncio.shield(self._ready), _START_SECONDS)
        except TimeoutError:
            self.close()
            raise StartError("it did not start in a minute") from None

    def begin(self, running: Running) -> None:
        """Send an order. Raises OSError where the socket is full or gone."""
        socket.send_fds(self._socket, [running.order.dump()], running.descriptors)
        self.calls[running.order.number] = running
        running.begun(self._stop)
        late = self._loop.call_later(running.order.wall_s + _LATE_S, self._hangs, running)
        running.result.add_done_callback(lambda _: late.cancel())

    def close(self, why: str = "the fork server was ended") -> None:
        """End it and all its calls, which are lost."""
        if self.lives:
            self._loop.remove_reader(self._socket.fileno())
            self._socket.close()
            # It ends by itself then, and takes with it what only it can find; unless it hangs.
            with suppress(subprocess.TimeoutExpired):
                self._process.wait(_END_SECONDS)
        with suppress(OSError):
            os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait()
        self._said.close()
        if not self._ready.done():
            self._ready.cancel()
        calls, self.calls = list(self.calls.values()), {}
        for running in calls:
            running.failed("sandbox_died", why)

    def _stop(self, number: int) -> None:
        """A call has written too much."""
        with suppress(OSError):
            self._socket.send(json.dumps({"kill": number}).encode())

    def _hear(self) -> None:
        while self.lives:
            try:
                message = self._socket.recv(1 << 16)
            except BlockingIOError:
                return
            except OSError:
                message = b""
            if not message:
                self._gone()
                return
            self._take(message)

    def _take(self, message: bytes) -> None:
        if not message.startswith(b"{"):
            _, number, status, why, user, system, rss = REPORT.unpack(message)
            running = self.calls.pop(number, None)
            if running is not None:
                self.errors = 0
                try:
                    running.ended(Ended(status, why, user + system, rss / 1024))
                except Exception as error:  # each call gets a result, whatever else happens
                    running.failed("sandbox_error", f"no result could be made: {error!r}")
            return
        said = json.loads(message)
        if "ready" in said:
            self._ready.set_result(said)
        elif (running := self.calls.pop(said["number"], None)) is not None:
            self.errors += 1
            running.failed("sandbox_error", said["failed"])

    def _gone(self) -> None:
        self._said.seek(0)
        words = self._said.read()[-2000:].decode("utf-8", "replace").strip()
        was_ready = self._ready.done()
        if not was_ready:
            self._ready.set_exception(StartError(words.splitlines()[-1] if words else "it ended without a word"))
        self.close("the fork server was lost")
        if was_ready:
            self._lost(self)

    def _hangs(self, running: Running) -> None:
        """A call has not ended long after it had to."""
        if running.order.number in self.calls and self.lives:
            self.close("the fork server hangs")
            self._lost(self)


def _spawn(python: str, setup: Setup) -> tuple[socket.socket, "subprocess.Popen[bytes]", Any]:
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    for end in (ours, theirs):
        end.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 1 << 20)
    said = tempfile.TemporaryFile()  # noqa: SIM115  # closed with the worker
    with theirs:
        process = subprocess.Popen(
            [python, "-I", "-S", "-c", _BOOT, str(project_folder()), str(theirs.fileno())],
            env={"MALLOC_ARENA_MAX": "2", "OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1", "LANG": "C.UTF-8"},
            cwd="/",
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=said,
            pass_fds=[theirs.fileno()],
            start_new_session=True,
        )
    ours.send(setup.dump())
    ours.setblocking(False)
    return ours, process, said
