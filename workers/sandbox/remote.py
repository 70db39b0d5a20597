"""`RemoteSandbox`: an `Executor` whose calls run on whatever sandbox workers there are.

Calls travel in small batches. Only so many are on their way at once, the others wait here (back-pressure); and while
the oldest batch that no worker has taken is older than a limit, no more are sent (admission). A batch whose worker died
is carried again by another one; the answer that comes first counts, so nobody sees a call twice.
"""

import itertools
import logging
import queue
import threading
import time
import uuid
from collections import deque
from collections.abc import Iterable, Iterator
from concurrent.futures import Future
from dataclasses import dataclass, field, replace
from types import TracebackType
from typing import Any, Self

import redis
from django.conf import settings
from kombu.exceptions import OperationalError

from training.sandbox.types import Call, ExecutionResult, SandboxStatus, Status
from webapp.sandbox.models import SandboxWorker
from webapp.sandbox.together import merged
from workers.app import SANDBOX_QUEUE
from workers.sandbox.app import LEASE_S, app
from workers.sandbox.mailbox import Batch, Mailbox

logger = logging.getLogger(__name__)

MOST_BATCH_BYTES = 4 << 20
GRACE_S = 3 * LEASE_S
"""Beyond a call's own limits, before a call that a worker has taken is given up: two workers may die over it."""
_LOOK_S = 0.25
_AWAY_S = 0.5
_AWAY = (redis.RedisError, OperationalError, OSError)


@dataclass(slots=True)
class _Asked:
    """A call that has no answer yet."""

    call: Call
    key: str
    """Its id on the way: clients may use an id again, late answers must not find it."""
    future: "Future[ExecutionResult]" = field(default_factory=Future)
    since: float = field(default_factory=time.monotonic)
    waited: float = 0.0
    """Seconds here, before it was sent."""
    taken: float | None = None


class RemoteSandbox:
    """See `Executor`. `in_flight`: calls on their way at once; `batch`: calls that travel together at most;
    `oldest_s`: age of the oldest waiting batch from which on nothing is sent."""

    def __init__(self, url: str = "", in_flight: int = 256, batch: int = 8, oldest_s: float = 30.0) -> None:
        url = url or settings.BROKER_URL
        self._mailbox = Mailbox(url)
        self._producer = app.amqp.Producer(app.connection_for_write(url), auto_declare=False)
        self._client = uuid.uuid4().hex
        self._in_flight, self._batch, self._oldest_s = in_flight, batch, oldest_s
        self._numbers = itertools.count()
        self._changed = threading.Condition()
        self._pending: deque[_Asked] = deque()
        self._sent: dict[str, _Asked] = {}
        self._ids: set[str] = set()
        self._looked = self._admission_looked = float("-inf")
        self._admitted = True
        self._closed = False
        self._threads = [
            threading.Thread(target=work, name=f"remote sandbox {n}", daemon=True)
            for n, work in enumerate((self._send, self._listen))
        ]
        for thread in self._threads:
            thread.start()

    def submit(self, call: Call) -> "Future[ExecutionResult]":
        """See `Executor`; never blocks. Raises ValueError for an id that is under way."""
        asked = _Asked(call, str(next(self._numbers)))
        with self._changed:
            if self._closed:
                asked.future.set_result(ExecutionResult(call.id, "sandbox_died", detail="the sandbox is closed"))
                return asked.future
            if call.id in self._ids:
                raise ValueError(f"a call with the id {call.id!r} is under way")
            self._ids.add(call.id)
            self._pending.append(asked)
            self._changed.notify()
        return asked.future

    def run(self, calls: Iterable[Call]) -> Iterator[ExecutionResult]:
        """See `Executor`. Takes calls only as fast as answers come, so `calls` may be endless."""
        done: queue.SimpleQueue[Future[ExecutionResult]] = queue.SimpleQueue()
        open_calls = 0
        for call in calls:
            self.submit(call).add_done_callback(done.put)
            open_calls += 1
            while open_calls >= 2 * self._in_flight:
                yield done.get().result()
                open_calls -= 1
        for _ in range(open_calls):
            yield done.get().result()

    def status(self) -> SandboxStatus:
        """See `Executor`: all workers together, as they were at their last heartbeats. Without any, it has no slots."""
        statuses = [worker.status for worker in SandboxWorker.objects.all() if worker.is_ready]
        waiting = self._mailbox.waiting()
        return merged([status for status in statuses if status], waiting.calls, waiting.oldest_s)

    def close(self) -> None:
        """See `Executor`: calls under way end as lost."""
        with self._changed:
            if self._closed:
                return
            self._closed = True
            self._changed.notify()
            left = [*self._pending, *self._sent.values()]
            self._pending.clear()
            self._sent.clear()
        for asked in left:
            asked.future.set_result(_failed(asked, "sandbox_died", "the sandbox was closed"))
        for thread in self._threads:
            thread.join(5)
        try:
            self._mailbox.forget(self._client)
        except redis.RedisError:
            pass  # they expire
        self._mailbox.close()
        self._producer.connection.release()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _send(self) -> None:
        """Until it is closed: batches as there is room, and an end to what waits too long."""
        while not self._closed:
            try:
                self._expire()
                if self._has_room() and self._is_admitted():
                    self._send_one()
                else:
                    with self._changed:
                        self._changed.wait(_LOOK_S)
            except _AWAY as error:
                logger.warning("the broker does not answer: %s", error)
                time.sleep(_AWAY_S)

    def _has_room(self) -> bool:
        with self._changed:
            return bool(self._pending) and len(self._sent) < self._in_flight

    def _is_admitted(self) -> bool:
        now = time.monotonic()
        if now - self._admission_looked > _LOOK_S:
            self._admitted = self._mailbox.waiting().oldest_s <= self._oldest_s
            self._admission_looked = now
        return self._admitted

    def _send_one(self) -> None:
        with self._changed:
            chosen = self._choose()
            now = time.monotonic()
            for asked in chosen:
                asked.waited = now - asked.since
                self._sent[asked.key] = asked
        try:
            sent = self._mailbox.now()
            calls = [_travelling(asked) for asked in chosen]
            batch = Batch(uuid.uuid4().hex, self._client, sent, calls)
            self._mailbox.note_sent(len(calls))
            headers = {"sent": sent}
            way = {"queue": SANDBOX_QUEUE, "headers": headers, "producer": self._producer, "retry": False}
            app.send_task("workers.sandbox.run_calls", [batch.as_dict()], **way)
        except _AWAY:
            # It may have arrived nevertheless: then it is answered twice, and the second answer finds nobody.
            with self._changed:
                self._pending.extendleft(asked for asked in reversed(chosen) if self._sent.pop(asked.key, None))
            raise

    def _choose(self) -> list[_Asked]:
        chosen: list[_Asked] = []
        size = 0
        room = min(self._batch, self._in_flight - len(self._sent))
        while self._pending and len(chosen) < room and (not chosen or size < MOST_BATCH_BYTES):
            asked = self._pending.popleft()
            size += len(asked.call.program) + len(asked.call.stdin)
            chosen.append(asked)
        return chosen

    def _listen(self) -> None:
        while not self._closed:
            try:
                for answer in self._mailbox.fetch(self._client, seconds=1):
                    self._take(answer)
            except _AWAY as error:
                if not self._closed:
                    logger.warning("the broker does not answer: %s", error)
                    time.sleep(_AWAY_S)

    def _take(self, answer: dict[str, Any]) -> None:
        if "taken" in answer:
            now = time.monotonic()
            with self._changed:
                for key in answer["taken"]:
                    if key in self._sent:
                        self._sent[key].taken = now
            return
        result = ExecutionResult.from_dict(answer["result"])
        self._finish(result.id, lambda asked: replace(result, id=asked.call.id, queue_s=result.queue_s + asked.waited))

    def _finish(self, key: str, make: Any) -> None:
        """Give a call its one answer."""
        with self._changed:
            asked = self._sent.pop(key, None)
            if asked is None:
                return
            self._ids.discard(asked.call.id)
            self._changed.notify()
        asked.future.set_result(make(asked))

    def _expire(self) -> None:
        """End what has waited longer than it may."""
        now = time.monotonic()
        if now - self._looked < 2 * _LOOK_S:
            return
        self._looked = now
        with self._changed:
            late = [asked for asked in (*self._pending, *self._sent.values()) if _is_late(asked, now)]
            if not late:
                return
            keys = {asked.key for asked in late}
            self._pending = deque(asked for asked in self._pending if asked.key not in keys)
            for asked in late:
                self._sent.pop(asked.key, None)
                self._ids.discard(asked.call.id)
        for asked in late:
            waited = now - asked.since
            if asked.taken is None:
                asked.future.set_result(_failed(asked, "queue_timeout", f"no worker took it within {waited:.0f} s"))
            else:
                asked.future.set_result(_failed(asked, "sandbox_died", "those who took it were lost"))


def _travelling(asked: _Asked) -> Call:
    left = max(asked.call.limits.queue_s - asked.waited, 0.001)
    return replace(asked.call, id=asked.key, limits=replace(asked.call.limits, queue_s=left))


def _is_late(asked: _Asked, now: float) -> bool:
    limits = asked.call.limits
    if asked.taken is None:
        return now - asked.since > limits.queue_s
    return now - asked.taken > limits.queue_s + limits.wall_s + GRACE_S


def _failed(asked: _Asked, status: Status, detail: str) -> ExecutionResult:
    return ExecutionResult(asked.call.id, status, queue_s=time.monotonic() - asked.since, detail=detail)
