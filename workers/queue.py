"""The only door from the web to the workers. Everything sent is an id, and leaves after the transaction committed."""

from functools import partial
from uuid import UUID

import redis
from celery.utils.nodenames import worker_direct
from django.conf import settings
from django.db import transaction
from kombu.exceptions import OperationalError

from webapp.core.errors import UserError
from workers.app import CPU_QUEUE, GPU_QUEUE, PREFLIGHT_QUEUE, SANDBOX_QUEUE, app
from workers.sandbox.mailbox import Mailbox
from workers.sandbox.mailbox import Waiting as Waiting  # for pages

RETRY = {"max_retries": 1, "interval_start": 0.1}
"""A connection that broke while idle is made anew; a broker that is away is said to be so at once."""


def supervise_run(run_id: int) -> None:
    """Say that a queued run waits. Raises UserError after the commit when the broker is away.

    Whichever worker hears of it takes the oldest run that its machine can serve, which may be another one.
    """
    waits = (
        "The run is saved, but the message broker does not answer, so it waits as queued. It starts by itself "
        "within a minute after the broker is back."
    )
    transaction.on_commit(partial(_send, "workers.runs.take", GPU_QUEUE, run_id, if_away=waits))


def wake(worker: str, number: int, task: str = "workers.runs.take") -> None:
    """Say the same to one worker alone, by its name, or have it look at a job. Raises kombu's OperationalError."""
    app.send_task(task, [number], queue=worker_direct(worker), retry=False)


def fetch_import(import_id: int) -> None:
    """Ask a worker to download an import's files. Raises UserError after the commit when the broker is away."""
    transaction.on_commit(partial(_send, "workers.datasets.fetch_import", CPU_QUEUE, import_id))


def preflight(key: UUID) -> None:
    """Ask a worker to answer the question in the preflight folder ``key``. Raises UserError like the others."""
    transaction.on_commit(partial(_send, "workers.preflight.preflight", PREFLIGHT_QUEUE, str(key)))


def chat(question_id: int) -> None:
    """Ask a worker to answer a question. Raises UserError after the commit when the broker is away."""
    waits = (
        "The question is saved, but the message broker does not answer, so it waits in the playground. It is answered "
        "by itself within a minute after the broker is back."
    )
    transaction.on_commit(partial(_send, "workers.playground.chat", PREFLIGHT_QUEUE, question_id, if_away=waits))


def generate_items(job_id: int) -> None:
    """Ask a worker to carry a generation. Raises UserError after the commit when the broker is away."""
    waits = (
        "The generation is saved, but the message broker does not answer, so it waits as queued. It starts by itself "
        "within a minute after the broker is back."
    )
    transaction.on_commit(partial(_send, "workers.generation.generate", GPU_QUEUE, job_id, if_away=waits))


def teach(job_id: int) -> None:
    """Ask a worker to carry a teaching. Raises UserError after the commit when the broker is away."""
    waits = (
        "The teaching is saved, but the message broker does not answer, so it waits as queued. It starts by itself "
        "within a minute after the broker is back."
    )
    transaction.on_commit(partial(_send, "workers.teaching.teach", GPU_QUEUE, job_id, if_away=waits))


def verify_solutions(check_id: int) -> None:
    """Ask a worker to judge the solutions of a check again. Raises UserError like the others."""
    transaction.on_commit(partial(_send, "workers.solutions.verify_again", CPU_QUEUE, check_id))


def run_console_call(call_id: int) -> None:
    """Ask a sandbox worker to run what a user wrote. Raises UserError like the others."""
    transaction.on_commit(partial(_send, "workers.sandbox.run_console_call", SANDBOX_QUEUE, call_id))


def waiting_for_sandbox() -> Waiting | None:
    """What no sandbox worker has taken yet; None when the broker does not answer, or cannot say."""
    try:
        mailbox = Mailbox(settings.BROKER_URL)
    except ValueError:  # no address of a Redis
        return None
    try:
        return mailbox.waiting()
    except redis.RedisError:
        return None
    finally:
        mailbox.close()


def waiting_messages() -> int:
    """Number of messages for the GPU that no worker has taken. Raises kombu's OperationalError."""
    return _waiting(GPU_QUEUE)[GPU_QUEUE]


def messages_by_queue() -> dict[str, int]:
    """Number of messages of each queue that no worker has taken. Raises kombu's OperationalError."""
    return _waiting(GPU_QUEUE, CPU_QUEUE, PREFLIGHT_QUEUE, SANDBOX_QUEUE)


def broker_answers() -> bool:
    """Whether messages can be sent now; a broker that is away is known within seconds."""
    try:
        _waiting()
    except OperationalError:
        return False
    return True


def _waiting(*queues: str) -> dict[str, int]:
    with app.connection_for_read() as connection:
        connection.ensure_connection(max_retries=1, interval_start=0.1)
        channel = connection.default_channel
        return {name: int(app.amqp.queues[name].bind(channel).queue_declare().message_count) for name in queues}


def _send(
    task: str, queue: str, argument: int | str, if_away: str = "The message broker does not answer. Try again soon."
) -> None:
    try:
        app.send_task(task, [argument], queue=queue, retry=True, retry_policy=RETRY)
    except OperationalError as error:
        raise UserError(if_away, status=503) from error
