"""Jobs that tests carry as a worker does: in threads of their own, watched until something is so."""

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TypeVar

from django.db import connection

from webapp.core.jobs import Job

J = TypeVar("J", bound=Job)
LIMIT_S = 60


@contextmanager
def in_threads(carry: Callable[[int], object]) -> Iterator[Callable[[Job], None]]:
    """Begins jobs by their number, each in a thread; all have ended when the context does."""
    threads: list[threading.Thread] = []

    def begin(job: Job) -> None:
        def work() -> None:
            try:
                carry(job.pk)
            finally:
                connection.close()

        threads.append(threading.Thread(target=work))
        threads[-1].start()

    yield begin
    for thread in threads:
        thread.join(LIMIT_S)
        assert not thread.is_alive()


def until(job: J, condition: Callable[[J], object]) -> J:
    """The job once the condition holds; the test fails when it never does."""
    deadline = time.monotonic() + LIMIT_S
    while not condition(job):
        assert time.monotonic() < deadline, f"{job.state} {job.done}/{job.total}: {job.error}"
        time.sleep(0.02)
        job.refresh_from_db()
    return job
