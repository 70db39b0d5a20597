"""What happens when a worker starts and stops, beyond what Celery does."""

import os
import signal
from multiprocessing.sharedctypes import RawValue
from typing import Any

from celery.signals import worker_process_init, worker_ready, worker_shutting_down

from webapp.core.processes import die_with
from workers import maintenance

_shutting_down = RawValue("b", 0)
"""Shared with the pool's processes, which are forked after this. Without a lock: one that died holding it would hang
the others."""


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
def _begin_maintenance(**_: Any) -> None:
    maintenance.start()
