"""Batches of calls and their answers in Redis.

A batch is a Celery message. Its answers go to a list of the client that sent it, each as soon as it is there:

    {"taken": [call id, …]}    a worker has begun with these
    {"result": result}         one has ended

What of a batch is answered already stands beside it, so that the worker who gets it after another one died does the
rest only. Times are the broker's, one clock for all machines.
"""

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Self

import redis

from training.sandbox.types import Call, ExecutionResult
from workers.app import SANDBOX_QUEUE

KEPT_S = 3600
"""Seconds after which answers that nobody fetched are dropped."""
_TRIES = "tries"
_SENT, _TAKEN = "sandbox.calls.sent", "sandbox.calls.taken"


@dataclass(frozen=True, slots=True)
class Batch:
    """Calls of one client that travel together."""

    id: str
    client: str
    sent: float
    """Seconds since the epoch."""
    calls: Sequence[Call]

    def as_dict(self) -> dict[str, Any]:
        """Plain values, for JSON."""
        calls = [call.as_dict() for call in self.calls]
        return {"id": self.id, "client": self.client, "sent": self.sent, "calls": calls}

    @classmethod
    def from_dict(cls, values: dict[str, Any]) -> Self:
        """What `as_dict` gave. Raises TypeError, KeyError or ValueError."""
        return cls(**{**values, "calls": [Call.from_dict(call) for call in values["calls"]]})


@dataclass(frozen=True, slots=True)
class Begun:
    """What is known of a batch when a worker takes it."""

    answered: frozenset[str]
    """Ids of calls that need no answer any more."""
    tries: int
    """Workers who took it so far, this one included."""
    waited: float
    """Seconds since it was sent."""


@dataclass(frozen=True, slots=True)
class Waiting:
    """What no worker has taken."""

    batches: int
    calls: int
    oldest_s: float
    """Age of the batch that is next."""


class Mailbox:
    """A connection to the broker; may be used by many threads. All methods raise redis.RedisError."""

    def __init__(self, url: str) -> None:
        # kombu's words for a socket, and for the number of a database, in those of redis.
        address = url.replace("redis+socket://", "unix://").replace("virtual_host=", "db=")
        self._redis: redis.Redis = redis.Redis.from_url(
            address, socket_timeout=10, socket_connect_timeout=3, decode_responses=True
        )

    def now(self) -> float:
        """Seconds since the epoch, by the broker's clock."""
        seconds, micros = self._redis.time()
        return float(seconds) + micros / 1e6

    def waiting(self) -> Waiting:
        """See `Waiting`."""
        with self._redis.pipeline(transaction=False) as pipe:
            pipe.llen(SANDBOX_QUEUE)
            pipe.lindex(SANDBOX_QUEUE, -1)
            pipe.mget(_SENT, _TAKEN)
            pipe.time()
            batches, oldest, (sent, taken), (seconds, micros) = pipe.execute()
        if not batches:
            return Waiting(0, 0, 0.0)
        headers = json.loads(oldest)["headers"] if oldest else {}
        age = seconds + micros / 1e6 - headers["sent"] if "sent" in headers else 0.0
        return Waiting(batches, max(batches, int(sent or 0) - int(taken or 0)), max(age, 0.0))

    def note_sent(self, calls: int) -> None:
        """So many calls are on their way."""
        self._redis.incrby(_SENT, calls)

    def begin(self, batch: Batch) -> Begun:
        """A worker has taken a batch."""
        key = _batch_key(batch)
        with self._redis.pipeline() as pipe:
            pipe.hincrby(key, _TRIES, 1)
            pipe.hkeys(key)
            pipe.expire(key, KEPT_S)
            pipe.time()
            tries, answered, _, (seconds, micros) = pipe.execute()
        with self._redis.pipeline() as pipe:
            pipe.rpush(_answers_key(batch.client), json.dumps({"taken": [call.id for call in batch.calls]}))
            pipe.expire(_answers_key(batch.client), KEPT_S)
            if tries == 1:
                pipe.incrby(_TAKEN, len(batch.calls))
            pipe.execute()
        return Begun(frozenset(answered) - {_TRIES}, tries, max(seconds + micros / 1e6 - batch.sent, 0.0))

    def answer(self, batch: Batch, results: Iterable[ExecutionResult]) -> None:
        """Give results to the client, and note that they are given: both or neither."""
        batch_key, answers_key = _batch_key(batch), _answers_key(batch.client)
        with self._redis.pipeline() as pipe:
            for result in results:
                pipe.rpush(answers_key, json.dumps({"result": result.as_dict()}))
                pipe.hset(batch_key, result.id, 1)
            pipe.expire(answers_key, KEPT_S)
            pipe.execute()

    def fetch(self, client: str, seconds: int) -> list[dict[str, Any]]:
        """The next answers of a client, waiting for the first; none after so many seconds."""
        key = _answers_key(client)
        first = self._redis.blpop([key], timeout=seconds)
        if first is None:
            return []
        more = self._redis.lpop(key, 200) or []
        return [json.loads(answer) for answer in (first[1], *more)]

    def forget(self, client: str) -> None:
        """Drop what a client did not fetch."""
        self._redis.delete(_answers_key(client))

    def renew(self, index: str, tags: Iterable[str]) -> None:
        """Messages with these delivery tags are still worked on."""
        seconds = self.now()
        if stamped := dict.fromkeys(tags, seconds):
            self._redis.zadd(index, stamped, xx=True)

    def close(self) -> None:
        """Give the connections back."""
        self._redis.close()


def _batch_key(batch: Batch) -> str:
    return f"sandbox.batch.{batch.id}"


def _answers_key(client: str) -> str:
    return f"sandbox.answers.{client}"
