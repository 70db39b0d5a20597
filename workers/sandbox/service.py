"""A sandbox worker: a warm sandbox, started before the first message is taken and ended with the worker; its tasks."""

import logging
import os
import queue
import signal
import sys
import threading
import time
from collections.abc import Iterator
from concurrent.futures import Future
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

import redis
from celery import Task
from celery.exceptions import Reject
from celery.signals import worker_init, worker_ready, worker_shutdown
from django.conf import settings
from django.db import Error

from training.sandbox.client import LocalSandbox
from training.sandbox.types import Call, ExecutionResult, SandboxRefusedError
from webapp.core.stack.child import REFUSED_EXIT_CODE
from webapp.sandbox.models import HEARTBEAT_S, WorkerState
from workers.sandbox import console
from workers.sandbox.app import RENEW_S, UNACKED_INDEX, app
from workers.sandbox.mailbox import Batch, Begun, Mailbox
from workers.sandbox.reporting import Reporter

logger = logging.getLogger(__name__)

MOST_TRIES = 3
"""Workers that may be lost over a batch before its calls are given up."""
MOST_SILENT = 3
"""Times in a row that the sandbox may not say how it is, before its worker ends."""


class Service:
    """What the tasks of this process share."""

    def __init__(self, name: str, sandbox: LocalSandbox) -> None:
        self.name = name
        self.sandbox = sandbox
        self.mailbox = Mailbox(settings.BROKER_URL)
        self.reporter = Reporter(name)
        self._tags: set[str] = set()
        self._ended = threading.Event()
        self._threads = [threading.Thread(target=work, daemon=True) for work in (self._report, self._renew)]

    def begin(self) -> None:
        """Look after leases and report, until `close`."""
        for thread in self._threads:
            thread.start()

    @property
    def is_closing(self) -> bool:
        """Whether what the sandbox says now may come from its end."""
        return self._ended.is_set()

    def close(self) -> None:
        """End the sandbox and say so."""
        self._ended.set()
        for thread in self._threads:
            thread.join(5)
        self.sandbox.close()
        self.reporter.last_word(WorkerState.STOPPED)

    @contextmanager
    def lease(self, tag: str | None) -> Iterator[None]:
        """A message is worked on: no other worker gets it meanwhile."""
        if tag is None:
            yield
            return
        self._tags.add(tag)
        try:
            yield
        finally:
            self._tags.discard(tag)

    def submit(self, call: Call, waited: float) -> "Future[ExecutionResult]":
        """Run a call that has waited so long already; its result counts that as waiting."""
        left = call.limits.queue_s - waited
        future: Future[ExecutionResult] = Future()
        if left <= 0:
            detail = f"waited {waited:.0f} s for a worker"
            late = ExecutionResult(call.id, "queue_timeout", queue_s=waited, detail=detail)
            self.reporter.sampler.note(late)
            future.set_result(late)
            return future
        running = self.sandbox.submit(replace(call, limits=replace(call.limits, queue_s=left)))
        running.add_done_callback(lambda done: self._ended_call(future, done.result(), waited))
        return future

    def _ended_call(self, future: "Future[ExecutionResult]", result: ExecutionResult, waited: float) -> None:
        result = replace(result, queue_s=result.queue_s + waited)
        self.reporter.sampler.note(result)
        future.set_result(result)

    def _report(self) -> None:
        silent = 0
        while not self._ended.wait(HEARTBEAT_S):
            try:
                self.reporter.round(self.sandbox.status())
                silent = 0
            except TimeoutError:
                silent += 1
            if silent >= MOST_SILENT:
                logger.error("the sandbox does not answer any more; the worker ends, so that it is started anew")
                os.kill(os.getpid(), signal.SIGTERM)
                return

    def _renew(self) -> None:
        while not self._ended.wait(RENEW_S):
            try:
                self.mailbox.renew(UNACKED_INDEX, list(self._tags))
            except redis.RedisError as error:
                logger.warning("leases could not be renewed: %s", error)


_services: list[Service] = []
"""One, from the start of a worker on; none in a process that only imports this."""


def this_service() -> Service:
    """That of this worker."""
    return _services[0]


@worker_init.connect  # type: ignore[untyped-decorator]
def _open(sender: Any, **_: Any) -> None:
    """Before any message is taken. Ends the process where programs cannot be isolated."""
    name = str(sender.hostname)
    for chatty in ("celery.app.trace", "celery.worker.strategy"):  # two lines a batch
        logging.getLogger(chatty).setLevel(logging.WARNING)
    try:
        sandbox = LocalSandbox(slots=settings.SANDBOX_SLOTS)
    except SandboxRefusedError as refusal:
        Reporter(name).last_word(WorkerState.REFUSED, str(refusal))
        sys.stderr.write(f"this worker refuses to start: {refusal}\n")
        sys.exit(REFUSED_EXIT_CODE)
    _services.append(Service(name, sandbox))


@worker_ready.connect  # type: ignore[untyped-decorator]
def _begin(**_: Any) -> None:
    this_service().begin()


@worker_shutdown.connect  # type: ignore[untyped-decorator]
def _close(**_: Any) -> None:
    for service in _services:
        service.close()


@app.task(name="workers.sandbox.run_calls", bind=True)  # type: ignore[untyped-decorator]
def run_calls(self: Task, values: dict[str, Any]) -> None:
    """Run the calls of a batch at once, and answer each as it ends."""
    service, batch = this_service(), Batch.from_dict(values)
    with service.lease(_tag_of(self)):
        try:
            begun = service.mailbox.begin(batch)
            _carry(service, batch, begun)
        except redis.RedisError as error:
            raise _again(error) from error


@app.task(name="workers.sandbox.run_console_call", bind=True)  # type: ignore[untyped-decorator]
def run_console_call(self: Task, console_id: int) -> None:
    """Run what a user wrote into the page's console, once."""
    service = this_service()
    with service.lease(_tag_of(self)):
        try:
            console.carry(console_id, service.name, service.submit)
        except Error as error:
            raise _again(error) from error


def _carry(service: Service, batch: Batch, begun: Begun) -> None:
    ended: queue.SimpleQueue[tuple[str, ExecutionResult]] = queue.SimpleQueue()
    left = [call for call in batch.calls if call.id not in begun.answered]
    if begun.tries > MOST_TRIES:
        detail = f"{MOST_TRIES} workers were lost over it"
        service.mailbox.answer(batch, [ExecutionResult(call.id, "sandbox_died", detail=detail) for call in left])
        return
    for call in left:
        # A name of its own: this worker may still be busy with an earlier delivery, or with another client's call.
        named = replace(call, id=f"{batch.id}.{begun.tries}.{call.id}")
        future = service.submit(named, begun.waited)
        future.add_done_callback(lambda done, key=call.id: ended.put((key, done.result())))  # type: ignore[misc]
    while left:
        found = [ended.get()]
        while not ended.empty():
            found.append(ended.get())
        if service.is_closing:
            raise Reject("the worker ends", requeue=True)
        service.mailbox.answer(batch, [replace(result, id=key) for key, result in found])
        left = left[len(found) :]


def _tag_of(task: Task) -> str | None:
    return (task.request.properties or {}).get("delivery_tag")


def _again(error: Exception) -> Reject:
    """Put the message back, after a moment."""
    logger.warning("a message is put back: %s", str(error).strip())
    time.sleep(1)
    return Reject(error, requeue=True)
