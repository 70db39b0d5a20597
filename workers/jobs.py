"""Carries a job: a child process works into the job's folder, and what it wrote becomes rows.

The folder is all that an interrupted job has; whoever takes the job next goes on where it ends.
"""

import logging
import os
import shutil
import signal
import subprocess
import sys
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any, ClassVar, Generic, TypeVar

from django.conf import settings
from django.db import InterfaceError, OperationalError, connection
from pydantic import BaseModel, ValidationError

from training.config.problems import ImportedProblems, ProblemSource
from webapp.core import job_states
from webapp.core.errors import UserError
from webapp.core.jobs import Job, JobState
from webapp.core.processes import die_with
from webapp.datasets.models import ProblemSet
from webapp.datasets.services import export_problem_set
from webapp.machines.demand import Demand, demand_in
from webapp.machines.devices import Gpu
from workers import dispatch, failure
from workers.lifecycle import is_shutting_down
from workers.process import LOG_FILE, NICENESS, end_attempt, end_family, trainer_environment

logger = logging.getLogger(__name__)

TICK_S = 1.0
PROGRAM = (sys.executable, "-m", "training")
CONFIG_FILE = "config.json"
AWAY = (OperationalError, InterfaceError)

AnyJob = TypeVar("AnyJob", bound=Job)
AnyConfig = TypeVar("AnyConfig", bound=BaseModel)


class Work(ABC, Generic[AnyJob, AnyConfig]):
    """One job in a worker's hands, from its claim to its end. A kind of job says what is its own in a subclass."""

    kind: ClassVar[type[Job]]
    config_class: ClassVar[type[BaseModel]]
    task: ClassVar[str]
    """Name of the task that carries it."""
    command: ClassVar[str]
    """Of `python -m training`; it is given the config and ``--out``."""
    niceness: ClassVar[int] = NICENESS
    """Of the child, which gives way to pages."""
    words: ClassVar[failure.Words] = failure.GENERATION
    """For a child that failed."""

    def __init__(self, job: AnyJob, gpus: Sequence[Gpu] = ()) -> None:
        self.job = job
        self._gpus = gpus
        self.config: AnyConfig = self.config_class.model_validate(job.config)  # type: ignore[assignment]

    @property
    @abstractmethod
    def out_file(self) -> str:
        """Name of what the child writes, in the job's folder."""

    @property
    @abstractmethod
    def problems(self) -> ProblemSource | None:
        """The problem set that the child reads."""

    @classmethod
    def demand(cls, config: Mapping[str, Any]) -> Demand:
        """What a job of this stored config asks of a machine."""
        return demand_in(config)

    def devices(self) -> dict[str, str]:
        """What the child's environment says of the devices that it may use."""
        return dispatch.environment_of(self._gpus, self.demand(self.job.config))

    @abstractmethod
    def heartbeat(self) -> bool | None:
        """Store how far the child is; answers like `job_states.heartbeat`."""

    @abstractmethod
    def finish(self) -> None:
        """Store what the child has made, and end the job."""

    @classmethod
    def carry(cls, job_id: int) -> None:
        """Carry a queued job to its end.

        Returns at once when it is not queued, another worker was first, or its GPUs are not free: then a worker looks
        for it when it is idle.
        """
        config = cls.kind._default_manager.filter(pk=job_id).values_list("config", flat=True).first()
        claimed = None if config is None else dispatch.claim_job(cls.kind, job_id, cls.demand(config))
        if claimed is None:
            logger.info("%s %s: nothing to do for this machine", cls.kind.noun, job_id)
            return
        job, gpus = claimed
        try:
            work = cls(job, gpus)  # type: ignore[arg-type]  # the kind is that of the class
            work.prepare()
            if work.run_child():
                work.finish()
            if not cls.kind._default_manager.filter(pk=job.pk).exists():  # it was deleted meanwhile
                shutil.rmtree(job.folder, ignore_errors=True)
        except AWAY:
            raise  # without a database there is nowhere to say so; maintenance finds the job
        except (UserError, ValidationError, OSError) as error:
            job_states.end(job, JobState.FAILED, f"It could not be carried out: {error}")
        except Exception as error:
            words = f"The worker failed, not the models: {type(error).__name__}: {error}"
            job_states.end(job, JobState.FAILED, words)
            raise

    def prepare(self) -> None:
        """Make sure that everything the child reads stands on disk."""
        folder = self.job.folder
        folder.mkdir(parents=True, exist_ok=True)
        (folder / CONFIG_FILE).write_text(self.config.model_dump_json(), encoding="utf-8")
        if isinstance(self.problems, ImportedProblems):
            problem_set = ProblemSet.objects.filter(slug=self.problems.slug).first()
            if problem_set is None:
                raise UserError(f"the problem set {self.problems.slug!r} is gone")
            export_problem_set(problem_set)

    def run_child(self) -> bool:
        """Run the child to its end; whether its work is done. Otherwise the job has been ended or handed on."""
        end_family(self.job.folder)
        log, kills = self.job.folder / LOG_FILE, failure.kernel_kills()
        begin = log.stat().st_size if log.exists() else 0
        child = self._start()
        try:
            while (code := _wait(child)) is None:
                if not self._look_after():
                    return False
        finally:
            if child.poll() is None:
                child.kill()
            child.wait()
            end_attempt(self.job.folder, self.job.attempt)
        held = self.heartbeat() is not None  # also what it did in its last second
        if code:
            words = failure.explain(code, log, begin, failure.kernel_kills() > kills, self.words)
            job_states.end(self.job, JobState.FAILED, words)
            return False
        return held

    def _look_after(self) -> bool:
        """What is due every second; whether the child may go on. While the database is away it does."""
        try:
            stop = self.heartbeat()
            if stop:
                job_states.end(self.job, JobState.STOPPED)
            elif stop is not None and is_shutting_down():
                job_states.hand_back(self.job)
                return False
        except AWAY as error:
            logger.warning("%s: the database does not answer: %s", self.job, str(error).strip())
            connection.close()
            return not is_shutting_down()
        return stop is False

    def _start(self) -> "subprocess.Popen[bytes]":
        folder = self.job.folder
        files = [str(folder / CONFIG_FILE), "--out", str(folder / self.out_file)]
        with (folder / LOG_FILE).open("ab") as log:
            return subprocess.Popen(
                [*PROGRAM, self.command, *files],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                env=trainer_environment(folder, settings.ESPALIER_DATA, self.job.attempt) | self.devices(),
                start_new_session=True,
                preexec_fn=partial(_become_child, os.getpid(), self.niceness),
            )


def next_job(works: Sequence[type[Work[Any, Any]]]) -> tuple[str, int] | None:
    """Task and number of the oldest job, of whatever kind, that waits and this machine can serve now; None for none."""
    queued = [
        (*row, work)
        for work in works
        for row in work.kind._default_manager.filter(state=JobState.QUEUED).values_list("created_at", "pk", "config")
    ]
    for _, job_id, config, work in sorted(queued, key=lambda each: each[:2]):
        if dispatch.can_serve(work.demand(config)):
            return work.task, job_id
    return None


def _become_child(parent: int, niceness: int) -> None:
    os.nice(niceness)
    die_with(parent, signal.SIGKILL)


def _wait(child: "subprocess.Popen[bytes]") -> int | None:
    try:
        return child.wait(TICK_S)
    except subprocess.TimeoutExpired:
        return None
