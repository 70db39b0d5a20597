"""Supervision with the fake trainer, in a thread of its own, in quick time."""

import json
import sys
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from django.db import connection

from training.config import RunConfig
from webapp.runs import services
from webapp.runs.models import Run
from workers import process, runs
from workers.runs import supervise

STEPS = 23


class Supervised:
    """Runs with the fake trainer."""

    def __init__(self) -> None:
        self._threads: list[threading.Thread] = []

    def new(self, **behaviour: Any) -> Run:
        """A queued run of 23 steps, whose trainer behaves so."""
        run = services.create_run(RunConfig(steps=STEPS))
        run.folder.mkdir(parents=True)
        if behaviour:
            (run.folder / "behaviour.json").write_text(json.dumps(behaviour))
        return run

    def begin(self, run: Run) -> threading.Thread:
        """Supervise it meanwhile."""

        def work() -> None:
            try:
                supervise(run.pk)
            finally:
                connection.close()

        thread = threading.Thread(target=work)
        self._threads.append(thread)
        thread.start()
        return thread

    def carry(self, run: Run) -> Run:
        """Supervise it to its end."""
        supervise(run.pk)
        run.refresh_from_db()
        return run

    def wait(self, run: Run, condition: Callable[[Run], object], seconds: float = 60) -> Run:
        """Until it is so."""
        deadline = time.monotonic() + seconds
        while True:
            run.refresh_from_db()
            if condition(run):
                return run
            assert time.monotonic() < deadline, f"{run.status} at step {run.step}: {run.error}"
            time.sleep(0.02)

    def join(self) -> None:
        for thread in self._threads:
            thread.join(60)
            assert not thread.is_alive()


@pytest.fixture
def supervised(transactional_db: None, monkeypatch: pytest.MonkeyPatch) -> Iterator[Supervised]:
    monkeypatch.setattr(process, "COMMAND", (sys.executable, "-m", "tests.workers.fake_trainer"))
    monkeypatch.setattr(runs, "TICK_S", 0.05)
    monkeypatch.setattr(runs, "memory_in_use", lambda: (1, 10))  # whatever else this machine does
    supervised = Supervised()
    yield supervised
    supervised.join()
