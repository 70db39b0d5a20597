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
from collections.abc import Iterable, Iterator
from concurrent.futures import Future
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from training.sandbox.tiers import project_folder
from training.sandbox.types import Call, ExecutionResult, SandboxRefusedError, SandboxStatus

_START_SECONDS, _STATUS_SECONDS, _END_SECONDS = 120.0, 10.0, 10.0
MOST_TRIES = 3


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
        self._sending = threading.Lock()
        self._waiting: dict[str, tuple[Call, Future[ExecutionResult], int]] = {}
        self._statuses: queue.Queue[SandboxStatus] = queue.Queue()
        self._asking = threading.Lock()
        self._closed = False
        self._numbers = itertools.count()
        self._process, self._link = self._start()
        threading.Thread(target=self._listen, name="sandbox answers", daemon=True).start()

    @property
    def pid(self) -> int:
        """Of sandboxd."""
        return self._process.pid

    def submit(self, call: Call) -> "Future[ExecutionResult]":
        """See `Executor`. Raises ValueError for an id that is under way."""
        future: Future[ExecutionResult] = Future()
        with self._lock:
            if call.id in self._waiting:
                raise ValueError(f"a call with the id {call.id!r} is under way")
            if self._closed:
                future.set_result(ExecutionResult(call.id, "sandbox_died", detail="the sandbox is closed"))
                return future
            self._waiting[call.id] = (call, future, 1)
        self._send(call)
        return future

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
        """See `Executor`. Raises TimeoutError when the service does not answer."""
        with self._asking:
            while not self._statuses.empty():
                self._statuses.get_nowait()
            self._write({"status": 1})
            try:
                return self._statuses.get(timeout=_STATUS_SECONDS)
            except queue.Empty:
                raise TimeoutError("the sandbox does not say how it is") from None

    def close(self) -> None:
        """See `Executor`: calls under way end as lost."""
        with self._lock:
            if self._closed:
                return
            self._closed = True
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

    def _start(self) -> tuple["subprocess.Popen[bytes]", socket.socket]:
        """sandboxd, and a connection to it."""
        path = Path(self._folder.name) / f"socket-{next(self._numbers)}"
        process = subprocess.Popen(
            [sys.executable, "-m", "training.sandbox", "serve", "--socket", str(path), "--options", self._options],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
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
        return process, link

    def _send(self, call: Call) -> None:
        self._write({"run": call.as_dict()})

    def _send_all(self, calls: list[Call]) -> None:
        for call in calls:
            self._send(call)

    def _write(self, request: dict[str, Any]) -> None:
        data = json.dumps(request).encode() + b"\n"
        # One at a time, so that lines stay whole. What is lost with the connection is sent again by the listener.
        with self._sending, suppress(OSError):
            self._link.sendall(data)

    def _listen(self) -> None:
        """Hand out answers; when the service is gone, start it again."""
        while True:
            with self._link.makefile("rb") as lines, suppress(OSError, ValueError):
                for line in lines:
                    self._take(json.loads(line))
            if self._closed or not self._recover():
                return

    def _take(self, answer: dict[str, Any]) -> None:
        if "status" in answer:
            self._statuses.put(SandboxStatus.from_dict(answer["status"]))
            return
        result = ExecutionResult.from_dict(answer["result"])
        with self._lock:
            found = self._waiting.pop(result.id, None)
        if found is not None:
            found[1].set_result(result)

    def _recover(self) -> bool:
        """Whether there is a service again, with all that was under way."""
        _end(self._process)
        try:
            self._process, self._link = self._start()
        except (SandboxRefusedError, OSError) as error:
            with self._lock:
                self._closed = True
            self._give_up(str(error))
            return False
        with self._lock:
            lost = [key for key, (_, _, tries) in self._waiting.items() if tries >= MOST_TRIES]
            given_up = [self._waiting.pop(key) for key in lost]
            self._waiting = {key: (call, future, tries + 1) for key, (call, future, tries) in self._waiting.items()}
            again = [call for call, _, _ in self._waiting.values()]
        for call, future, _ in given_up:
            future.set_result(ExecutionResult(call.id, "sandbox_died", detail="the sandbox was lost"))
        # Beside the listener, which must read the first answers before the last call can be sent.
        threading.Thread(target=self._send_all, args=(again,), daemon=True).start()
        return True

    def _give_up(self, why: str) -> None:
        with self._lock:
            waiting, self._waiting = list(self._waiting.values()), {}
        for call, future, _ in waiting:
            future.set_result(ExecutionResult(call.id, "sandbox_died", detail=why))


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
