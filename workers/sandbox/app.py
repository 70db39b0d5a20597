"""The Celery application of sandbox workers: `celery --app workers.sandbox.app worker --hostname sandbox@%h`.

Unlike a run, a call may be carried twice: it touches nothing, and its answer is counted once. So a message here is
acknowledged when its work is done, and what a killed worker had in hand goes to another one. Redis has no way to see
that a worker is gone; a message comes back when nobody has renewed its lease for `LEASE_S`. The keys are this
application's own, since other workers look through theirs with a far longer patience.

Threads, since all that a task does is wait for the one sandbox of its worker, which has its own processes.
"""

from celery import Celery
from django.conf import settings

from workers.app import SANDBOX_QUEUE
from workers.app import app as common

LEASE_S: float = settings.SANDBOX_LEASE_SECONDS
"""Seconds without a renewal after which another worker gets a message."""
RENEW_S = LEASE_S / 4
CONCURRENCY = 8
"""Batches in the hands of a worker: enough that its slots do not wait for the next one."""

UNACKED = "sandbox.unacked"
UNACKED_INDEX = "sandbox.unacked.index"
"""Sorted set: the delivery tag of each message in hand, by the time of its last renewal."""

app = Celery("espalier-sandbox", broker=settings.BROKER_URL, include=["workers.sandbox.service"])
app.conf.update({name: common.conf[name] for name in (
    "accept_content", "task_serializer", "task_ignore_result", "worker_prefetch_multiplier", "worker_disable_prefetch",
    "broker_connection_retry_on_startup", "broker_connection_max_retries", "worker_hijack_root_logger",
    "worker_cancel_long_running_tasks_on_connection_loss", "worker_send_task_events",
)})  # fmt: skip
app.conf.update(
    task_default_queue=SANDBOX_QUEUE,
    task_acks_late=True,
    worker_pool="threads",
    worker_concurrency=CONCURRENCY,
    broker_transport_options={
        **common.conf.broker_transport_options,
        "visibility_timeout": LEASE_S,
        "unacked_key": UNACKED,
        "unacked_index_key": UNACKED_INDEX,
        "unacked_mutex_key": "sandbox.unacked.mutex",
        "unacked_mutex_expire": 5,
        "unacked_restore_interval": LEASE_S / 8,
        "unacked_restore_throttle": 1,
    },
)
