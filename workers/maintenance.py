"""Looks after what others left: runs and jobs whose worker is dead, queued ones whose message is lost, recipes whose
next stage and reports whose next arm nobody has begun.

Every worker does this in a thread of its own, so it needs neither a scheduler nor the broker. That several do it at
once is harmless: each change is a compare-and-swap, and a message too many finds its work taken.
"""

import logging
import threading
from collections.abc import Mapping
from datetime import datetime, timedelta

from django.conf import settings
from django.db import InterfaceError, OperationalError, connection, transaction
from django.utils import timezone
from kombu.exceptions import OperationalError as BrokerError

from webapp.core.errors import UserError
from webapp.core.job_states import Send, take_from_lost_worker
from webapp.core.jobs import Job, JobState
from webapp.labeling.generation.job import GenerationJob
from webapp.machines.demand import demand_in
from webapp.machines.models import registered
from webapp.playground.models import Question
from webapp.recipes.advance import advance_all
from webapp.reports.following import begin_all_followers
from webapp.runs.models import Run
from webapp.runs.services import requeue_lost_run
from webapp.runs.status import ACTIVE, RunStatus, transition
from webapp.teaching.models import TeachingJob
from workers import host, queue
from workers.app import GPU_QUEUE, PREFLIGHT_QUEUE
from workers.process import end_attempt

logger = logging.getLogger(__name__)

AUTOMATIC_RESUMES = 3
"""How often a run is resumed by itself without saving a new checkpoint in between."""
JOBS: tuple[tuple[type[Job], Send, str], ...] = (
    (GenerationJob, queue.generate_items, GPU_QUEUE),
    (TeachingJob, queue.teach, GPU_QUEUE),
    (Question, queue.chat, PREFLIGHT_QUEUE),
)
"""Kinds of jobs, how a worker is asked to carry one, and the queue in which it waits."""
LAUNCH_GRACE = timedelta(seconds=60)
"""Time between creating a run and launching it, before it counts as forgotten."""


def start() -> None:
    """Begin to look after things, now and from time to time, until the process ends."""
    threading.Thread(target=_repeat, name="maintenance", daemon=True).start()


def maintain() -> None:
    """One round."""
    reap_lost_runs()
    reap_lost_jobs()
    advance_all()
    begin_all_followers()
    resend_queued()


def reap_lost_runs() -> None:
    """End what the workers of silent runs left, and queue those runs again so that they resume."""
    for run in Run.objects.filter(status__in=ACTIVE):
        dead_here = host.is_dead(run.worker)
        if dead_here or _is_silent(run.heartbeat_at):
            logger.warning("run %s: its worker %s is gone", run.pk, run.worker)
            if dead_here:
                end_attempt(run.folder, run.attempt)
            _take_back(run)


def reap_lost_jobs() -> None:
    """End what the workers of silent jobs left, and queue those again."""
    for kind, _, _ in JOBS:
        for job in kind._default_manager.filter(state=JobState.RUNNING):
            dead_here = host.is_dead(job.worker)
            if dead_here or _is_silent(job.heartbeat_at):
                logger.warning("%s: its worker %s is gone", job, job.worker)
                if dead_here:
                    end_attempt(job.folder, job.attempt)
                take_from_lost_worker(job)


def resend_queued() -> None:
    """Send a message for each queued run and job of a queue when there are fewer messages in it than those.

    Runs that no registered machine can serve need none: the worker that can will look for itself.
    """
    forgotten = Run.objects.filter(
        status=RunStatus.QUEUED, queued_at=None, created_at__lt=timezone.now() - LAUNCH_GRACE
    )
    forgotten.update(queued_at=timezone.now())
    waiting = Run.objects.filter(status=RunStatus.QUEUED).exclude(queued_at=None).order_by("queued_at")
    machines = [worker.gpus_now for worker in registered(GPU_QUEUE)]
    waits: dict[str, list[tuple[Send, int]]] = {GPU_QUEUE: [], PREFLIGHT_QUEUE: []}
    waits[GPU_QUEUE] += [
        (queue.supervise_run, run.pk)
        for run in waiting.only("pk", "config")
        if not machines or any(demand_in(run.config).fits(gpus) for gpus in machines)
    ]
    for kind, send, name in JOBS:
        waits[name] += [(send, job) for job in _queued(kind)]
    if any(waits.values()):
        _send_again(waits)


def _send_again(waits: Mapping[str, list[tuple[Send, int]]]) -> None:
    try:
        messages = queue.messages_by_queue()
        for name, works in waits.items():
            if messages[name] < len(works):
                for send, number in works:
                    send(number)
    except (BrokerError, UserError):
        logger.info("the broker does not answer; %s queued runs and jobs wait", sum(map(len, waits.values())))


def _queued(kind: type[Job]) -> list[int]:
    return list(kind._default_manager.filter(state=JobState.QUEUED).order_by("pk").values_list("pk", flat=True))


def _is_silent(heartbeat_at: datetime | None) -> bool:
    """Whether no heartbeat was stored for long, though the database was there to store it."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT now() - pg_postmaster_start_time()")
        (database_up,) = cursor.fetchone()
    limit = timedelta(seconds=settings.HEARTBEAT_LOST_SECONDS)
    return database_up > limit and (heartbeat_at is None or timezone.now() - heartbeat_at > limit)


@transaction.atomic
def _take_back(run: Run) -> None:
    now = timezone.now()
    if run.stop_requested:
        transition(run.pk, RunStatus.STOPPED, attempt=run.attempt, ended_at=now)
        return
    again = run.automatic_resumes < AUTOMATIC_RESUMES
    error = "" if again else f"Its worker vanished {AUTOMATIC_RESUMES + 1} times without a new checkpoint in between."
    lost = transition(run.pk, RunStatus.LOST, attempt=run.attempt, only_from=ACTIVE, ended_at=now, error=error)
    if lost and again and requeue_lost_run(run.pk, automatic_resumes=run.automatic_resumes + 1):
        logger.warning("run %s: queued again, to resume from its last checkpoint", run.pk)


def _repeat() -> None:
    pause = threading.Event()
    while True:
        try:
            maintain()
        except (OperationalError, InterfaceError) as error:
            logger.info("the database does not answer: %s", str(error).strip())
        except Exception:
            logger.exception("maintenance failed; it goes on")
        finally:
            connection.close()
        pause.wait(settings.MAINTENANCE_SECONDS)
