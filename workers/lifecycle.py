"""What happens when a worker starts and stops, beyond what Celery does."""

import logging
import os
import signal
from functools import partial
from multiprocessing.sharedctypes import RawValue
from typing import Any

from celery.signals import worker_process_init, worker_ready, worker_shutdown, worker_shutting_down
from celery.utils.nodenames import worker_direct
from celery.worker import state
from kombu.exceptions import OperationalError

from webapp.core.processes import die_with
from workers import dispatch, maintenance, queue
from workers.app import GPU_QUEUE, app
from workers.registration import Identity, Registration

logger = logging.getLogger(__name__)

_shutting_down = RawValue("b", 0)
"""Shared with the pool's processes, which are forked after this. Without a lock: one that died holding it would hang
the others."""
_registrations: list[Registration] = []
"""One, from the moment a worker is ready; none in a process that only imports this."""


def is_shutting_down() -> bool:
    """Whether this worker was asked to end. Long tasks look at it and come to an end."""
    return bool(_shutting_down.value)


@worker_shutting_down.connect  # type: ignore[untyped-decorator]
def _note_shutdown(**_: Any) -> None:
    _shutting_down.value = 1


@worker_process_init.connect  # type: ignore[untyped-decorator]
def _die_with_worker(**_: Any) -> None:
    """A supervisor that outlived its worker would hold a GPU that the next worker gives to another run."""
    die_with(os.getppid(), signal.SIGKILL)


@worker_ready.connect  # type: ignore[untyped-decorator]
def _begin(sender: Any, **_: Any) -> None:
    maintenance.start()
    name, queues = str(sender.hostname), tuple(app.amqp.queues.consume_from)
    taken = tuple(each for each in queues if each != worker_direct(name).name)
    identity = Identity(name, taken, int(sender.pool.num_processes))
    look = partial(_look_for_work, name) if GPU_QUEUE in taken else lambda: None
    _registrations.append(Registration(identity, look=look))
    _registrations[0].begin()


@worker_shutdown.connect  # type: ignore[untyped-decorator]
def _close(**_: Any) -> None:
    for registration in _registrations:
        registration.close()


def _look_for_work(name: str) -> None:
    """Wake this worker's own pool when it stands idle while a job or a run waits that this machine can serve.

    Jobs first: they are the shorter ones, and would wait for ever behind runs that follow each other.
    """
    from workers.generation import GenerationWork  # both ask this module whether the worker ends
    from workers.jobs import next_job
    from workers.teaching import TeachingWork

    if state.reserved_requests or is_shutting_down():
        return
    try:
        if job := next_job((GenerationWork, TeachingWork)):
            queue.wake(name, job[1], job[0])
        elif (run_id := dispatch.next_run()) is not None:
            queue.wake(name, run_id)
    except OperationalError as error:
        logger.info("the broker does not answer: %s", error)
