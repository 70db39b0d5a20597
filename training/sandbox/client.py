"""The sandbox for those who use it: starts sandboxd, sends it calls from any thread, and hands out futures.

with LocalSandbox() as sandbox:
    print(sandbox.submit(Call("1", "print(6 * 7)")).result().stdout)
"""

import itertools
import json
import queue
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterable, Iterator
from concurrent.futures import Future
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from training.sandbox.tiers import project_folder
from training.sandbox.types import Call, ExecutionResult, SandboxRefusedError, SandboxStatus, Status

_START_SECONDS, _STATUS_SECONDS, _END_SECONDS = 120.0, 10.0, 10.0
MOST_TRIES = 3


@dataclass(slots=True, eq=False)
class _Waiting:
    """A call under way."""

    call: Call
    future: "Future[ExecutionResult]" = field(default_factory=Future)
    since: float = field(default_factory=time.monotonic)
    tries: int = 1
    sent: bool = False

    def fail(self, status: Status, detail: str) -> None:
        """Say that the service could not run it."""
        self.future.set_result(ExecutionResult(self.call.id, status, detail=detail))


class LocalSandbox:
    """An `Executor` on this machine. Raises SandboxRefusedError where no isolation can be proven.

    A lost sandboxd is started again, and what it had under way is sent again, `MOST_TRIES` times at most.
    """

    def __init__(
        self,
        zygotes: int = 0,
        slots: int = 0,
        tiers: tuple[str, ...] = (),
        pythons: tuple[str, ...] = (),
        become: int = 0,
    ) -> None:
        options = {"zygotes": zygotes, "slots": slots, "tiers": tiers, "pythons": pythons, "become": become}
        self._options = json.dumps({name: value for name, value in options.items() if value})
        self._folder = tempfile.TemporaryDirectory(prefix="sandbox-")
        self._lock = threading.Lock()
        self._waiting: dict[str, _Waiting] = {}
        self._outgoing: queue.SimpleQueue[_Waiting | None] = queue.SimpleQueue()
        """What the service has not been told yet: it takes no more than it can queue. None at the end."""
        self._closed = False
        self._numbers = itertools.count()
        self._process, self._path, self._link = self._start()
        threading.Thread(target=self._listen, name="sandbox answers", daemon=True).start()
        threading.Thread(target=self._send_all, name="sandbox calls", daemon=True).start()

    @property
    def pid(self) -> int:
        """Of sandboxd."""
        return self._process.pid

    def submit(self, call: Call) -> "Future[ExecutionResult]":
        """See `Executor`. Raises ValueError for an id that is under way."""
        waiting = _Waiting(call)
        with self._lock:
            if call.id in self._waiting:
                raise ValueError(f"a call with the id {call.id!r} is under way")
            if not self._closed:
                self._waiting[call.id] = waiting
                self._outgoing.put(waiting)
                return waiting.future
        waiting.fail("sandbox_died", "the sandbox is closed")
        return waiting.future

    def run(self, calls: Iterable[Call]) -> Iterator[ExecutionResult]:
        """See `Executor`."""
        done: queue.SimpleQueue[Future[ExecutionResult]] = queue.SimpleQueue()
        count = 0
        for call in calls:
            self.submit(call).add_done_callback(done.put)
            count += 1
        for _ in range(count):
            yield done.get().result()

    def status(self) -> SandboxStatus:
        """See `Executor`. Raises OSError, TimeoutError among them, when the service does not answer."""
        # A connection of its own: on the other, the question would wait behind calls.
        with socket.socket(socket.AF_UNIX) as link:
            link.settimeout(_STATUS_SECONDS)
            link.connect(str(self._path))
            link.sendall(b'{"status": 1}\n')
            with link.makefile("rb") as lines:
                return SandboxStatus.from_dict(json.loads(lines.readline())["status"])

    def close(self) -> None:
        """See `Executor`: calls under way end as lost."""
        with self._lock:
            if self._closed:
                return
            self._closed = True
        self._outgoing.put(None)
        _end(self._process)
        with suppress(OSError):
            self._link.shutdown(socket.SHUT_RDWR)
        self._folder.cleanup()
        self._give_up("the sandbox was closed")

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _start(self) -> tuple["subprocess.Popen[bytes]", Path, socket.socket]:
        """sandboxd, the path of its socket, and a connection."""
        path = Path(self._folder.name) / f"socket-{next(self._numbers)}"
        process = subprocess.Popen(
            [sys.executable, "-m", "training.sandbox", "serve", "--socket", str(path), "--options", self._options],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            env={"PYTHONPATH": str(project_folder()), "PATH": "/usr/bin:/bin"},  # no secret of ours goes along
            cwd="/",
            start_new_session=True,
        )
        said = _first_line(process)
        if "ready" not in said:
            _end(process)
            raise SandboxRefusedError(said.get("refused", "sandboxd ended without a word"))
        link = socket.socket(socket.AF_UNIX)
        link.connect(str(path))
        return process, path, link

    def _send_all(self) -> None:
        """One after another, so that lines stay whole. What is lost with a connection is sent again by `_recover`."""
        while (waiting := self._outgoing.get()) is not None:
            if time.monotonic() - waiting.since > waiting.call.limits.queue_s:
                self._resolve(
                    ExecutionResult(waiting.call.id, "queue_timeout", detail="the sandbox took no more calls")
                )
                continue
            with self._lock:
                waiting.sent, link = True, self._link
            with suppress(OSError):
                link.sendall(json.dumps({"run": waiting.call.as_dict()}).encode() + b"\n")

    def _listen(self) -> None:
        """Hand out answers; when the service is gone, start it again."""
        while True:
            with self._link.makefile("rb") as lines, suppress(OSError, ValueError):
                for line in lines:
                    self._take(json.loads(line))
            if self._closed or not self._recover():
                return

    def _take(self, answer: dict[str, Any]) -> None:
        if "result" in answer:
            self._resolve(ExecutionResult.from_dict(answer["result"]))

    def _resolve(self, result: ExecutionResult) -> None:
        with self._lock:
            waiting = self._waiting.pop(result.id, None)
        if waiting is not None:
            waiting.future.set_result(result)

    def _recover(self) -> bool:
        """Whether there is a service again, with all that was under way."""
        _end(self._process)
        try:
            process, path, link = self._start()
        except (SandboxRefusedError, OSError) as error:
            with self._lock:
                self._closed = True
            self._give_up(str(error))
            return False
        with self._lock:
            self._process, self._path, self._link = process, path, link
            # The others are with the sender still.
            under_way = [waiting for waiting in self._waiting.values() if waiting.sent]
            for waiting in under_way:
                waiting.sent, waiting.tries = False, waiting.tries + 1
        for waiting in under_way:
            if waiting.tries > MOST_TRIES:
                self._resolve(ExecutionResult(waiting.call.id, "sandbox_died", detail="the sandbox was lost"))
            else:
                self._outgoing.put(waiting)
        return True

    def _give_up(self, why: str) -> None:
        with self._lock:
            lost, self._waiting = list(self._waiting.values()), {}
        for waiting in lost:
            waiting.fail("sandbox_died", why)


def _first_line(process: "subprocess.Popen[bytes]") -> dict[str, str]:
    """What it says first: that it is ready, or why it refuses."""
    assert process.stdout is not None
    timer = threading.Timer(_START_SECONDS, process.kill)
    timer.start()
    try:
        line = process.stdout.readline()
    finally:
        timer.cancel()
    return dict(json.loads(line)) if line else {}


def _end(process: "subprocess.Popen[bytes]") -> None:
    """By closing what it holds on to; by force when that does not help."""
    for stream in (process.stdin, process.stdout):
        if stream is not None:
            with suppress(OSError):
                stream.close()
    try:
        process.wait(_END_SECONDS)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
