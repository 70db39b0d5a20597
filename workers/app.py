"""The Celery application: `celery --app workers.app worker --queues gpu`.

Messages are JSON and hold ids only; results live in rows, so there is no result backend. A message is acknowledged
when its work begins: a run takes hours, and a broker that delivers an unacknowledged message again would start a second
trainer. What a dead worker left behind is found by its silent heartbeat instead (`workers.maintenance`).
"""

import os

from celery import Celery
from django.conf import settings

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "webapp.settings")

GPU_QUEUE = "gpu"
"""Runs and jobs of models: one at a time on each worker."""
CPU_QUEUE = "cpu"
"""Everything short; its workers need no torch."""
PREFLIGHT_QUEUE = "preflight"
"""Samples for those who are about to launch a run, or who chat: they need torch, and must not wait for the run that
trains."""
SANDBOX_QUEUE = "sandbox"
"""Programs that models wrote; its workers are those of `workers.sandbox.app`."""

TASKS = ("lifecycle", "runs", "datasets", "preflight", "solutions", "generation", "teaching", "playground")

app = Celery("espalier", broker=settings.BROKER_URL, include=[f"workers.{name}" for name in TASKS])
app.conf.update(
    accept_content=["json"],
    task_serializer="json",
    task_ignore_result=True,
    task_default_queue=CPU_QUEUE,
    task_routes={
        **{f"workers.{name}.*": {"queue": GPU_QUEUE} for name in ("runs", "generation", "teaching")},
        **{f"workers.{name}.*": {"queue": PREFLIGHT_QUEUE} for name in ("preflight", "playground")},
    },
    task_acks_late=False,
    # Each worker has a queue of its own beside, to wake itself by.
    worker_direct=True,
    # A busy worker takes no message in advance: another one may be idle.
    worker_prefetch_multiplier=1,
    worker_disable_prefetch=True,
    # Only the moment between taking a message and acknowledging it is left for the broker to guard.
    broker_transport_options={"visibility_timeout": 600, "socket_connect_timeout": 3, "socket_keepalive": True},
    broker_connection_retry_on_startup=True,
    broker_connection_max_retries=None,
    worker_cancel_long_running_tasks_on_connection_loss=False,
    worker_hijack_root_logger=False,
    worker_send_task_events=False,
)
