"""Carries the runs of a report without workers: trainers as child processes, one after another or a few at once.

Workers of a stack beside it may have some of them in hand, or take them first; those are waited for.
"""

import math
import signal
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, ThreadPoolExecutor, wait
from contextlib import contextmanager, suppress
from types import FrameType

from django.db import connection

from webapp.core.errors import UserError
from webapp.runs.models import Run, StopRequest
from webapp.runs.services import stop_run
from webapp.runs.status import ACTIVE
from workers.maintenance import reap_lost_runs
from workers.runs import supervise

Tell = Callable[[Run], None]
POLL_S = 1.0
"""How often the main thread looks whether it was interrupted, and how far others are."""
SAY_S = 60.0
"""How often is said how far others are."""


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


def outlast(runs: Sequence[Run], *, tell: Tell, say: Callable[[str], None]) -> None:
    """Wait until one of these runs, which others carry, is in their hands no more: ended, or queued after a loss.

    ``tell`` hears of those that ended, ``say`` at first and then now and again where each is and how far.
    """
    said = -math.inf
    while True:
        reap_lost_runs()
        for run in runs:
            run.refresh_from_db()
        given_up = [run for run in runs if run.state not in ACTIVE]
        for run in given_up:
            if run.state.is_terminal:
                tell(run)
        if given_up:
            return
        if time.monotonic() - said >= SAY_S:
            said = time.monotonic()
            for run in runs:
                where = f"by another process on {run.host}" if run.host else "by another process"
                say(f"Run {run.pk} ({run.name}) is carried {where}, at step {run.step} of {run.total_steps}; waiting.")
        time.sleep(POLL_S)


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
