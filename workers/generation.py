"""Carries a generation: a child process answers the prompts into a file, and the file becomes items of its project.

The file is all that an interrupted job has; whoever takes the job next goes on where it ends.
"""

import logging
import os
import shutil
import signal
import subprocess
import sys
from functools import partial

from django.conf import settings
from django.db import InterfaceError, OperationalError, connection
from pydantic import ValidationError

from training.config import CheckpointModel, ImportedProblems
from training.config.generate import GenerationConfig, SetPrompts
from webapp.core.errors import UserError
from webapp.core.processes import die_with
from webapp.datasets.models import ProblemSet
from webapp.datasets.services import export_problem_set
from webapp.labeling.choices import Mode
from webapp.labeling.generation import services
from webapp.labeling.generation.assembling import assemble, progress_of
from webapp.labeling.generation.job import GenerationJob, JobState
from webapp.runs.models import Run
from workers import failure, host
from workers.app import app
from workers.lifecycle import is_shutting_down
from workers.process import LOG_FILE, NICENESS, end_family, trainer_environment

logger = logging.getLogger(__name__)

TICK_S = 1.0
COMMAND = (sys.executable, "-m", "training", "generate")
RESPONSES_FILE = "responses.jsonl"
AWAY = (OperationalError, InterfaceError)


@app.task(name="workers.generation.generate")  # type: ignore[untyped-decorator]
def generate(job_id: int) -> None:
    """Carry a queued job to its end. Returns at once when it is not queued, or another worker was first."""
    job = services.claim(job_id, host.this_process())
    if job is None:
        logger.info("generation %s: nothing to do", job_id)
        return
    try:
        config = _prepare(job)
        if _answer(job, config):
            runs = {each.source.run for each in config.models if isinstance(each.source, CheckpointModel)}
            left = set(Run.objects.filter(pk__in=runs).values_list("pk", flat=True))
            done = assemble(config, Mode(job.project.mode), job.folder / RESPONSES_FILE, job.pk, left)
            if services.finish(job, done):
                shutil.rmtree(job.folder, ignore_errors=True)
        if not GenerationJob.objects.filter(pk=job.pk).exists():  # its project was deleted meanwhile
            shutil.rmtree(job.folder, ignore_errors=True)
    except AWAY:
        raise  # without a database there is nowhere to say so; maintenance finds the job
    except (UserError, ValidationError, OSError) as error:
        services.end(job, JobState.FAILED, f"It could not be carried out: {error}")
    except Exception as error:
        services.end(job, JobState.FAILED, f"The worker failed, not the models: {type(error).__name__}: {error}")
        raise


def _prepare(job: GenerationJob) -> GenerationConfig:
    """Make sure that everything the child reads stands on disk."""
    config = GenerationConfig.model_validate(job.config)
    job.folder.mkdir(parents=True, exist_ok=True)
    (job.folder / "config.json").write_text(config.model_dump_json(), encoding="utf-8")
    if isinstance(config.prompts, SetPrompts) and isinstance(config.prompts.problems, ImportedProblems):
        slug = config.prompts.problems.slug
        problem_set = ProblemSet.objects.filter(slug=slug).first()
        if problem_set is None:
            raise UserError(f"the problem set {slug!r} is gone")
        export_problem_set(problem_set)
    return config


def _answer(job: GenerationJob, config: GenerationConfig) -> bool:
    """Run the child to its end; whether all answers are there. Otherwise the job has been ended or handed on."""
    end_family(job.folder)
    log, kills = job.folder / LOG_FILE, failure.kernel_kills()
    begin = log.stat().st_size if log.exists() else 0
    child = _start(job, config)
    try:
        while (code := _wait(child)) is None:
            if not _look_after(job):
                return False
    finally:
        if child.poll() is None:
            child.kill()
        child.wait()
        end_family(job.folder)
    if code:
        words = failure.explain(code, log, begin, failure.kernel_kills() > kills, failure.GENERATION)
        services.end(job, JobState.FAILED, words)
        return False
    return services.heartbeat(job, *progress_of(job.folder / RESPONSES_FILE)) is not None


def _look_after(job: GenerationJob) -> bool:
    """What is due every second; whether the child may go on. While the database is away it does."""
    try:
        stop = services.heartbeat(job, *progress_of(job.folder / RESPONSES_FILE))
        if stop:
            services.end(job, JobState.STOPPED)
        elif stop is not None and is_shutting_down():
            services.hand_back(job)
            return False
    except AWAY as error:
        logger.warning("generation %s: the database does not answer: %s", job.pk, str(error).strip())
        connection.close()
        return not is_shutting_down()
    return stop is False


def _start(job: GenerationJob, config: GenerationConfig) -> "subprocess.Popen[bytes]":
    files = [str(job.folder / "config.json"), "--out", str(job.folder / RESPONSES_FILE)]
    without_gpu = {"CUDA_VISIBLE_DEVICES": ""} if config.hardware.device == "cpu" else {}
    with (job.folder / LOG_FILE).open("ab") as log:
        return subprocess.Popen(
            [*COMMAND, *files],
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
            env=trainer_environment(job.folder, settings.ESPALIER_DATA) | without_gpu,
            start_new_session=True,
            preexec_fn=partial(_become_child, os.getpid()),
        )


def _become_child(parent: int) -> None:
    os.nice(NICENESS)
    die_with(parent, signal.SIGKILL)


def _wait(child: "subprocess.Popen[bytes]") -> int | None:
    try:
        return child.wait(TICK_S)
    except subprocess.TimeoutExpired:
        return None
