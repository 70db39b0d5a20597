"""Carries the runs of a report without workers: trainers as child processes, one after another or a few at once."""

import signal
import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, ThreadPoolExecutor, wait
from contextlib import contextmanager, suppress
from types import FrameType

from django.db import connection

from webapp.core.errors import UserError
from webapp.runs.models import Run, StopRequest
from webapp.runs.services import stop_run
from webapp.runs.status import ACTIVE
from workers.runs import supervise

Tell = Callable[[Run], None]
POLL_S = 1.0
"""How often the main thread looks whether it was interrupted."""


class Interrupted(Exception):  # noqa: N818  # no error: the user asked for it
    """Somebody pressed Ctrl-C; the runs have saved and stopped."""


def carry(runs: Sequence[Run], *, jobs: int, tell: Tell) -> None:
    """Run each queued run to its end, ``jobs`` at a time; ``tell`` hears of each that ended.

    Trainers are ended with this process. Raises Interrupted after Ctrl-C, once the runs on the way have saved.
    """
    stopping = threading.Event()
    with _ctrl_c(stopping), ThreadPoolExecutor(jobs) as pool:
        left = {pool.submit(_carry, run.pk, stopping): run for run in runs}
        try:
            while left:
                ended, _ = wait(left, timeout=POLL_S, return_when=FIRST_COMPLETED)
                for future in ended:
                    run = left.pop(future)
                    future.result()
                    run.refresh_from_db()
                    if run.state.is_terminal:
                        tell(run)
                if stopping.is_set():
                    _stop(list(left.values()))
        except BaseException:
            stopping.set()
            _stop(list(left.values()))
            raise
    if stopping.is_set():
        raise Interrupted


def _carry(run_id: int, stopping: threading.Event) -> None:
    try:
        if not stopping.is_set():
            supervise(run_id)
    finally:
        connection.close()


def _stop(runs: Sequence[Run]) -> None:
    """Ask those on the way to save and stop; those that have not begun stay queued for another time."""
    for run in runs:
        run.refresh_from_db()
        if run.state in ACTIVE and not run.stop_requested:
            with suppress(UserError):  # it has ended meanwhile
                stop_run(run, StopRequest.SAVE)


@contextmanager
def _ctrl_c(stopping: threading.Event) -> Iterator[None]:
    """The first Ctrl-C asks the runs to stop instead of ending this process under them."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return

    def ask(_: int, __: FrameType | None) -> None:
        stopping.set()

    before = signal.signal(signal.SIGINT, ask)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)
