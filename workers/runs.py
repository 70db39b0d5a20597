"""Carries a run from queued to its end: starts the trainer, brings in its events, passes stop requests on."""

import logging
import time
from collections import deque
from collections.abc import Callable
from typing import Literal, TypeVar

from django.conf import settings
from django.db import InterfaceError, OperationalError, connection, transaction
from django.utils import timezone

from training.events import Failed
from webapp.core.errors import UserError
from webapp.machines.devices import memory_in_use
from webapp.runs.models import Run, StopRequest
from webapp.runs.services import requeue_lost_run
from webapp.runs.status import ACTIVE, RunStatus, transition
from workers import dispatch, failure, ingest
from workers.app import app
from workers.lifecycle import is_shutting_down
from workers.preparation import prepare_folder
from workers.process import LOG_FILE, TrainingProcess
from workers.sharing import SharedSolutions, shared_solutions

logger = logging.getLogger(__name__)
Result = TypeVar("Result")

TICK_S = 1.0
LOOKS = 5
"""Looks at the machine's memory that are remembered: what a trainer took just before it was killed."""
AWAY = (OperationalError, InterfaceError)
"""What is raised while the database is away."""


@app.task(name="workers.runs.take")  # type: ignore[untyped-decorator]
def take(run_id: int) -> None:
    """Some run waits, such as this one: carry the oldest that this machine can serve. Returns at once for none."""
    claimed = dispatch.claim_next()
    if claimed is None:
        logger.info("run %s: nothing to do for this machine", run_id)
        return
    _carry(claimed)


@app.task(name="workers.runs.supervise")  # type: ignore[untyped-decorator]
def supervise(run_id: int) -> None:
    """Run this queued run. Returns at once when it is not queued, or another worker was first."""
    claimed = dispatch.claim(run_id)
    if claimed is None:
        logger.info("run %s: nothing to do", run_id)
        return
    _carry(claimed)


def _carry(claimed: dispatch.Claim) -> None:
    run = claimed.run
    logger.info("run %s: attempt %s begins", run.pk, run.attempt)
    try:
        Supervisor(claimed).carry()
    except ingest.Superseded as reason:
        logger.warning("given up: %s", reason)


class Supervisor:
    """Carries one attempt of a run. Raises Superseded when the run was given to another meanwhile."""

    def __init__(self, claimed: dispatch.Claim) -> None:
        self._run = claimed.run
        self._devices = claimed.environment
        self._finished: str | None = None
        self._stop = StopRequest.NONE
        self._asked_at: float | None = None
        self._interrupted = False
        self._shared: SharedSolutions | None = None
        self._looks: deque[tuple[int, int]] = deque([(0, 1)], maxlen=LOOKS)
        """Bytes of the machine's memory in use at the last looks, and all there are."""

    def carry(self) -> None:
        """From the claim to a terminal state, or back to queued when the worker has to end."""
        try:
            self._carry()
        except Exception as error:
            if not isinstance(error, (ingest.Superseded, *AWAY)):
                words = f"Its supervisor failed, not the training: {type(error).__name__}: {error}. Resume it."
                self._patiently(lambda: self._end(RunStatus.FAILED, error=words))
            raise

    def _carry(self) -> None:
        kills = failure.kernel_kills()
        try:
            self._patiently(self._catch_up)  # of an earlier attempt, so that what it said is not taken for this one's
            self._finished = None
            process = self._start()
        except (UserError, OSError) as error:
            words = f"The trainer could not be started: {error}"
            self._patiently(lambda: self._end(RunStatus.FAILED, error=words))
            return
        try:
            while (code := process.wait(TICK_S)) is None:
                self._look_after(process)
            self._patiently(self._catch_up)
            used, total = max(self._looks)
            full = failure.for_memory(code, failure.kernel_kills() > kills, used / total)
            words = failure.explain(code, self._run.folder / LOG_FILE, process.log_begin, full)
            self._patiently(lambda: self._conclude(code, words, full))
        finally:
            process.kill()

    def _start(self) -> TrainingProcess:
        config = prepare_folder(self._run)
        self._shared = self._patiently(lambda: shared_solutions(self._run, config))
        return TrainingProcess(self._run.folder, settings.ESPALIER_DATA, self._devices, self._run.attempt)

    def _look_after(self, process: TrainingProcess) -> None:
        """What is due every second. While the database is away the trainer goes on."""
        self._looks.append(memory_in_use())
        try:
            self._catch_up()
            if self._shared:
                self._shared.write_due()
        except AWAY as error:
            logger.warning("run %s: the database does not answer: %s", self._run.pk, str(error).strip())
            connection.close()
        self._interrupted = self._interrupted or (is_shutting_down() and not self._stop)
        if self._stop == StopRequest.NOW:
            process.kill()
        elif self._stop or self._interrupted:
            if self._asked_at is None:
                self._asked_at = time.monotonic()
                process.terminate()
            grace = settings.SHUTDOWN_GRACE_SECONDS if is_shutting_down() else settings.STOP_GRACE_SECONDS
            if time.monotonic() - self._asked_at > grace:
                process.kill()

    def _catch_up(self) -> None:
        """Bring all events in that are there, with a heartbeat between any two bites."""
        while True:
            self._heartbeat()
            progress = ingest.ingest(self._run.pk, self._run.attempt)
            if progress.started:
                transition(self._run.pk, RunStatus.RUNNING, attempt=self._run.attempt, only_from=[RunStatus.STARTING])
            self._finished = progress.finished or self._finished
            if not progress.events:
                return

    def _heartbeat(self) -> None:
        mine = Run.objects.filter(pk=self._run.pk, attempt=self._run.attempt, status__in=ACTIVE)
        if not mine.update(heartbeat_at=timezone.now()):
            raise ingest.Superseded(f"run {self._run.pk} was taken from attempt {self._run.attempt}")
        self._stop = StopRequest(mine.values_list("stop_requested", flat=True).get())

    def _conclude(self, code: int, words: str, out_of_memory: bool) -> None:
        logger.info("run %s: the trainer ended with %s, having said %s", self._run.pk, code, self._finished)
        if self._finished == "done":
            self._end(RunStatus.SUCCEEDED, exit_code=code)
        elif self._stop or (self._finished == "stopped" and not self._interrupted):
            self._end(RunStatus.STOPPED, exit_code=code)
        elif self._interrupted:
            self._hand_back()
        else:
            if out_of_memory:
                self._note_memory(code)
            self._end(RunStatus.FAILED, exit_code=code, error=words)

    def _note_memory(self, code: int) -> None:
        """Say which memory ran out, where the trainer could not say it any more."""
        mine = Run.objects.filter(pk=self._run.pk, attempt=self._run.attempt, failure={})
        run = mine.first()
        if run is None:
            return
        used, total = max(self._looks)
        killed = code != failure.OUT_OF_MEMORY
        where: Literal["gpu", "host"] = "gpu" if run.gpus and not killed else "host"
        told = Failed(
            step=run.step, where=where, phase=run.phase, used=used if killed else 0, total=total if killed else 0
        )
        mine.update(failure=told.model_dump(exclude={"kind", "at"}))

    def _end(self, status: RunStatus, exit_code: int | None = None, error: str = "") -> None:
        now = timezone.now()
        transition(
            self._run.pk, status, attempt=self._run.attempt,
            ended_at=now, heartbeat_at=now, exit_code=exit_code, error=error,
        )  # fmt: skip

    @transaction.atomic
    def _hand_back(self) -> None:
        """The worker ends, not the run: it waits for the next worker, and goes on from its last checkpoint."""
        resumes = Run.objects.values_list("automatic_resumes", flat=True).get(pk=self._run.pk)
        self._end(RunStatus.LOST)
        requeue_lost_run(self._run.pk, automatic_resumes=resumes)

    def _patiently(self, action: Callable[[], Result]) -> Result:
        """Do it as soon as the database is there. A worker that must end does not wait: maintenance finds the run."""
        while True:
            try:
                return action()
            except AWAY as error:
                if is_shutting_down():
                    raise
                logger.warning("run %s: waiting for the database: %s", self._run.pk, str(error).strip())
                connection.close()
                time.sleep(TICK_S)
