"""A call under way: its descriptors, its output as it comes, and the result made of them."""

import asyncio
import fcntl
import os
import signal
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from training.sandbox.program import REPORT_BYTES, read_report
from training.sandbox.setup import TIMED_OUT, Order
from training.sandbox.types import Call, ExecutionResult, ProgramError, Status

_ADD_SEALS, _ALL_SEALS, _SIZE_SEALS = 1033, 0xF, 0x7
_READ_AFTER_S = 0.01
"""Most calls end before that, and their output lies in the pipe: it is read once, at the end."""
_MOST_LINES = 1 << 20
_TOO_MUCH = 4
"""Times what is kept of an output that a call may write."""


@dataclass(frozen=True, slots=True)
class Ended:
    """How the kernel says that a call ended."""

    status: int
    why: int
    cpu_s: float
    max_rss_mb: float


class Running:
    """Belongs to an event loop. `result` gets what came of it."""

    def __init__(self, call: Call, number: int, slot: int, tier: str, queue_s: float) -> None:
        limits = call.limits
        self.order = Order(
            number, slot, limits.wall_s, limits.cpu_s, limits.memory_mb, limits.processes, limits.file_mb
        )
        self.call = call
        self._loop = asyncio.get_running_loop()
        self.result: asyncio.Future[ExecutionResult] = self._loop.create_future()
        self._about: dict[str, Any] = {"id": call.id, "tier": tier, "queue_s": queue_s}
        self._began = time.perf_counter()
        self._stop: Callable[[int], None] = lambda _: None
        self._timer: asyncio.TimerHandle | None = None
        self._too_much = False
        self._written = 0
        self._outputs: dict[int, bytearray] = {}
        self._theirs: list[int] = []
        self._report = -1
        try:
            self._open()
        except OSError:
            self._close()
            raise

    def _open(self) -> None:
        """All descriptors of the call. Raises OSError when there are none left."""
        self._report = _report()
        self._theirs.append(_sealed(self.call.program))
        stdin = self.call.stdin
        self._theirs.append(_sealed(stdin) if stdin else os.open(os.devnull, os.O_RDONLY | os.O_CLOEXEC))
        for _ in range(2):
            ours, theirs = os.pipe2(os.O_CLOEXEC)
            self._theirs.append(theirs)
            self._outputs[ours] = bytearray()
            os.set_blocking(ours, False)

    @property
    def descriptors(self) -> list[int]:
        """What the order goes with."""
        return [*self._theirs, self._report]

    def begun(self, stop: Callable[[int], None]) -> None:
        """The order is sent; `stop` ends the call."""
        self._close_theirs()
        self._stop = stop
        self._timer = self._loop.call_later(_READ_AFTER_S, self._listen)

    def ended(self, end: Ended) -> None:
        """Nothing of the call runs any more."""
        for descriptor in self._outputs:
            while self._read(descriptor):
                pass
        noted = read_report(os.pread(self._report, REPORT_BYTES, 0))
        code = os.waitstatus_to_exitcode(end.status)
        self._give(
            status=self._status(end, code),
            exit_code=code if code >= 0 else None,
            signal=-code if code < 0 else None,
            value=_text(noted.get("value")) if code == 0 else None,
            error=_error(noted.get("error")) if code != 0 else None,
            wall_s=time.perf_counter() - self._began,
            cpu_s=end.cpu_s,
            max_rss_mb=end.max_rss_mb,
        )

    def failed(self, status: Status, detail: str) -> None:
        """The service could not run it, or not to its end."""
        self._give(status=status, detail=detail)

    def _status(self, end: Ended, code: int) -> Status:
        if self._too_much:
            return "output_limit"
        if end.why == TIMED_OUT:
            return "timeout"
        if code in {-signal.SIGXCPU, -signal.SIGKILL} and end.cpu_s > 0.8 * self.order.cpu_s:
            return "cpu_limit"
        return "killed" if code < 0 else "error" if code else "ok"

    def _give(self, **found: Any) -> None:
        if self.result.done():
            return
        out, err = (each.decode("utf-8", "replace") for each in self._outputs.values())
        kept = sum(len(each) for each in self._outputs.values())
        self._close()
        self.result.set_result(
            ExecutionResult(**self._about, **found, stdout=out, stderr=err, truncated=self._written > kept)
        )

    def _listen(self) -> None:
        self._timer = None
        for descriptor in self._outputs:
            self._loop.add_reader(descriptor, self._read, descriptor)

    def _read(self, descriptor: int) -> bool:
        """Take what is there; whether there may be more."""
        try:
            data = os.read(descriptor, 1 << 16)
        except BlockingIOError:
            return False
        if not data:
            self._loop.remove_reader(descriptor)
            return False
        kept, most = self._outputs[descriptor], self.call.limits.output_bytes
        kept += data[: most - len(kept)]
        self._written += len(data)
        if self._written > _TOO_MUCH * most and not self._too_much:
            self._too_much = True
            for each in self._outputs:
                self._loop.remove_reader(each)
            self._stop(self.order.number)
        return not self._too_much

    def _close_theirs(self) -> None:
        for descriptor in self._theirs:
            os.close(descriptor)
        self._theirs = []

    def _close(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
        for descriptor in self._outputs:
            self._loop.remove_reader(descriptor)
            os.close(descriptor)
        self._outputs = {}
        if self._report >= 0:
            os.close(self._report)
        self._close_theirs()


def _sealed(text: str) -> int:
    """A file in memory that nobody can change any more."""
    descriptor = os.memfd_create("text", os.MFD_CLOEXEC | os.MFD_ALLOW_SEALING)
    data = memoryview(text.encode("utf-8", "surrogatepass"))
    while data:
        data = data[os.write(descriptor, data) :]
    os.lseek(descriptor, 0, os.SEEK_SET)
    fcntl.fcntl(descriptor, _ADD_SEALS, _ALL_SEALS)
    return descriptor


def _report() -> int:
    """A file in memory of fixed size, which the call writes to."""
    descriptor = os.memfd_create("report", os.MFD_CLOEXEC | os.MFD_ALLOW_SEALING)
    os.truncate(descriptor, REPORT_BYTES)
    fcntl.fcntl(descriptor, _ADD_SEALS, _SIZE_SEALS)
    return descriptor


def _error(noted: object) -> ProgramError | None:
    """What the program's own process noted: any shape may come."""
    if not isinstance(noted, dict):
        return None
    kind, message = _text(noted.get("kind")), _text(noted.get("message"))
    if kind is None or message is None:
        return None
    line = noted.get("line")
    is_line = type(line) is int and 0 < line <= _MOST_LINES
    return ProgramError(kind[:256], message, line if is_line else None, _text(noted.get("text")) or "")


def _text(noted: object) -> str | None:
    """Text without halves of characters, which JSON can escape and nothing can store."""
    return noted.encode("utf-8", "replace").decode() if isinstance(noted, str) else None
