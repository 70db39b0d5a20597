"""Token streams of a vLLM server: many requests at once, on an event loop in a thread, read from the trainer's."""

import asyncio
import json
import math
import queue
import threading
from collections.abc import AsyncIterator, Sequence
from concurrent.futures import Future
from contextlib import AsyncExitStack
from typing import Any
from uuid import uuid4

import httpx2

from training.sampling.decoder import EngineLostError, Order, Progress
from training.sampling.vllm_settings import finish_reason_of, wire_params

SILENCE_S = 600.0
"""Without a token in a stream, after which its server counts as lost: prompts may have to wait for room."""
BEGUN_AT_ONCE = 32
"""Requests that have no answer yet; hundreds of new connections in one moment are more than a server takes."""
GLANCE_S = 0.05
"""Most time that `step` waits for the first token, so that its caller can look after other things."""
ATTEMPTS, PAUSE_S = 3, 0.2
"""Of a request whose connection breaks before it has told a token, as some do among thousands; and time between."""
NOT_A_NUMBER = -9999.0
"""What vLLM writes in place of log-probs that JSON cannot hold."""


class TokenStreams:
    """Requests to `/inference/v1/generate` of one server."""

    def __init__(self, url: str, connect_s: float) -> None:
        self._url = url
        self._name = uuid4().hex
        self._arrived: queue.SimpleQueue[Progress | Exception] = queue.SimpleQueue()
        self._tasks: dict[int, Future[None]] = {}
        self._fault: Exception | None = None
        timeout = httpx2.Timeout(SILENCE_S, connect=connect_s, pool=None)
        # A connection is left before the server would close it, which it does after 5 s.
        limits = httpx2.Limits(max_connections=None, max_keepalive_connections=None, keepalive_expiry=2.0)
        self._client = httpx2.AsyncClient(base_url=url, timeout=timeout, limits=limits)
        self._begins = asyncio.Semaphore(BEGUN_AT_ONCE)
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="vllm-streams", daemon=True)
        self._thread.start()

    def add(self, order: Order, label: str = "") -> None:
        """Begin a request, all of whose tokens weights of this label must draw."""
        self._tasks[order.key] = asyncio.run_coroutine_threadsafe(self._follow(order, label), self._loop)

    def step(self) -> list[Progress]:
        """What has arrived. Raises EngineLostError once all that came before the loss was returned."""
        if self._fault is not None:
            fault, self._fault = self._fault, None
            self.abort(list(self._tasks))  # what was begun meanwhile, and failed too
            raise fault
        told: list[Progress] = []
        try:
            arrived = self._arrived.get(timeout=GLANCE_S)
            while True:
                if isinstance(arrived, Exception):
                    self.abort(list(self._tasks))
                    if not told:
                        raise arrived
                    self._fault = arrived
                    return told
                told.append(arrived)
                if arrived.finish_reason is not None:
                    self._tasks.pop(arrived.key, None)
                arrived = self._arrived.get_nowait()
        except queue.Empty:
            return told

    def abort(self, keys: Sequence[int]) -> None:
        """End requests by closing their connections; what they told and was not heard yet is forgotten with the last.

        So is a loss that they met: those who ask later may find the server back.
        """
        for key in keys:
            if (task := self._tasks.pop(key, None)) is not None:
                task.cancel()
        if not self._tasks:
            self._arrived, self._fault = queue.SimpleQueue(), None

    def close(self) -> None:
        """End everything."""
        self.abort(list(self._tasks))
        asyncio.run_coroutine_threadsafe(self._client.aclose(), self._loop).result(timeout=10)
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(timeout=10)

    async def _follow(self, order: Order, label: str) -> None:
        """Put what a request yields into the queue, its end or its fault last."""
        arrived, told = self._arrived, False
        for attempt in range(ATTEMPTS):
            try:
                async for progress in self._progress(order, label, attempt):
                    arrived.put(progress)
                    told = True
                return
            except httpx2.HTTPError as error:
                if told or attempt == ATTEMPTS - 1:
                    arrived.put(EngineLostError(self._url, f"{type(error).__name__} {error}".strip()))
                    return
            except Exception as error:
                arrived.put(error)
                return
            await asyncio.sleep(PAUSE_S)

    async def _progress(self, order: Order, label: str, attempt: int = 0) -> AsyncIterator[Progress]:
        """What is told of one request; its last part comes with the tokens that were cached."""
        last: Progress | None = None
        async with AsyncExitStack() as stack:
            asking = self._client.stream("POST", "/inference/v1/generate", json=self._body(order, attempt))
            async with self._begins:
                answer = await stack.enter_async_context(asking)
            if answer.status_code != httpx2.codes.OK:
                await answer.aread()
                self._refuse(answer.status_code, answer.text)
            async for line in answer.aiter_lines():
                if not line.startswith("data: ") or line == "data: [DONE]":
                    continue
                told = json.loads(line[len("data: ") :])
                if "error" in told:
                    self._refuse(int(told["error"].get("code") or 500), str(told["error"].get("message")))
                for choice in told["choices"]:
                    if last is not None:
                        yield last
                    self._check(label, choice)
                    last = _of_choice(order.key, choice)
                if last is not None and last.finish_reason is not None and told.get("usage"):
                    details = told["usage"].get("prompt_tokens_details") or {}
                    cached = int(details.get("cached_tokens") or 0)
                    last = Progress(last.key, last.token_ids, last.logprobs, last.entropies, last.finish_reason, cached)
        if last is None or last.finish_reason is None:
            raise EngineLostError(self._url, "a stream of tokens broke off")
        yield last

    def _body(self, order: Order, attempt: int) -> dict[str, Any]:
        return {
            # Other processes count their orders, too, and the server may not know yet that a connection broke.
            "request_id": f"{self._name}-{order.key}-{attempt}",
            "token_ids": list(order.prompt),
            "sampling_params": wire_params(order),
            "cache_salt": order.salt,
            "stream": True,
            "stream_options": {"include_usage": True},
        }

    def _check(self, label: str, choice: dict[str, Any]) -> None:
        """Whose last piece names the weights that drew it: a server started anew has any until it is given the run's,
        and another run may have given it others.

        What it told before is with its callers already, so the error is none that is got over by asking again.
        """
        used = {span["version"] for span in choice.get("weight_versions") or []}
        if label and used - {label}:
            raise RuntimeError(
                f"the server at {self._url} was started anew meanwhile, or given weights by another run, and has "
                "sampled by those; let one run at a time use it, then resume this one"
            )

    def _refuse(self, status: int, words: str) -> None:
        if status >= 500:  # its engine has died, or it is shutting down
            raise EngineLostError(self._url, f"{status} {words[:500]}")
        raise ValueError(f"the server at {self._url} refuses a prompt: {status} {words[:500]}")


def _of_choice(key: int, choice: dict[str, Any]) -> Progress:
    """A piece of a stream. The log-prob beside that of the drawn token is the entropy: see `vllm_worker`."""
    content = (choice.get("logprobs") or {}).get("content") or []
    logprobs = [float(each["logprob"]) if each["logprob"] > NOT_A_NUMBER else math.nan for each in content]
    entropies = [
        next(float(other["logprob"]) for other in each["top_logprobs"] if other["token_id"] != each["token_id"])
        for each in content
    ]
    ids = list(choice.get("token_ids") or [])
    return Progress(key, ids, logprobs, entropies, finish_reason_of(choice.get("finish_reason")))
