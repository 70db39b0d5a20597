"""The text that Prometheus reads: figures asked of database and broker at each scrape, and the web's own latency."""

import os
from collections.abc import Callable, Iterator

from django.db import Error
from kombu.exceptions import OperationalError
from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.multiprocess import MultiProcessCollector
from prometheus_client.registry import Collector

from webapp.operations import figures, machine_figures, sandbox_figures
from webapp.operations.latency import REQUESTS
from workers import queue

SHARED_FOLDER = "PROMETHEUS_MULTIPROC_DIR"
"""Where the library's processes share what they count; it reads the variable itself."""


def exposition() -> bytes:
    """All metrics. What cannot be asked is left out, and ``espalier_up`` says why."""
    registry = CollectorRegistry()
    registry.register(_Asked())
    if os.environ.get(SHARED_FOLDER):
        MultiProcessCollector(registry)  # type: ignore[no-untyped-call]
    else:
        registry.register(REQUESTS)
    return generate_latest(registry)


class _Asked(Collector):
    """Figures that belong to no process: every web and every scrape tells the same."""

    def describe(self) -> list[Metric]:
        return []  # or the library would ask for all of them once to learn their names

    def collect(self) -> Iterator[Metric]:
        up = GaugeMetricFamily("espalier_up", "Whether a part answered this scrape", labels=["part"])
        yield from self._try(up, "database", _of_database, Error)
        yield from self._try(up, "broker", _of_broker, OperationalError)
        yield up

    @staticmethod
    def _try(
        up: GaugeMetricFamily, part: str, read: Callable[[], list[Metric]], failure: type[Exception]
    ) -> list[Metric]:
        try:
            found = read()
        except failure:
            found = []
        up.add_metric([part], float(bool(found)))
        return found


def _of_database() -> list[Metric]:
    return [
        *figures.of_runs(),
        *machine_figures.of_machines(),
        *sandbox_figures.of_workers(),
        *sandbox_figures.of_calls(),
    ]


def _of_broker() -> list[Metric]:
    waiting = GaugeMetricFamily("espalier_queue_messages", "Messages that no worker has taken", labels=["queue"])
    for name, count in queue.messages_by_queue().items():
        waiting.add_metric([name], count)
    return [waiting]
