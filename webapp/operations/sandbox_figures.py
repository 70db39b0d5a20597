"""Metrics of the sandboxes, from the rows that their workers write."""

from collections import Counter
from collections.abc import Iterator
from datetime import timedelta

from django.utils import timezone
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric

from webapp.sandbox.figures import SHARES, percentile
from webapp.sandbox.models import SandboxSample, SandboxWorker, WorkerState

WINDOW = timedelta(minutes=5)


def of_workers() -> Iterator[Metric]:
    """Who takes calls, how busy they are, and what became of calls; one query."""
    states = GaugeMetricFamily("espalier_sandbox_workers", "Workers heard of within a day", labels=["state"])
    slots = GaugeMetricFamily("espalier_sandbox_slots", "Programs that can run at once", labels=["worker"])
    busy = GaugeMetricFamily("espalier_sandbox_in_flight", "Programs that run", labels=["worker"])
    queued = GaugeMetricFamily("espalier_sandbox_queued", "Calls that wait inside a worker", labels=["worker"])
    # By worker: each counts from its own start, and a sum would fall when one starts again.
    calls = CounterMetricFamily("espalier_sandbox_calls", "Calls that ended", labels=["worker", "outcome"])
    counts: Counter[str] = Counter()
    for row in SandboxWorker.objects.all():
        counts["lost" if row.is_lost else row.state] += 1
        status = row.status
        if status is None:
            continue
        for outcome, count in status.outcomes.items():
            calls.add_metric([row.name, outcome], count)
        if row.is_ready:
            slots.add_metric([row.name], status.slots)
            busy.add_metric([row.name], status.in_flight)
            queued.add_metric([row.name], status.queued)
    for state in (*WorkerState.values, "lost"):
        states.add_metric([state], counts[state])
    yield from (states, slots, busy, queued, calls)


def of_calls() -> Iterator[Metric]:
    """Latency over the last minutes; one query, at most a row for each five seconds of each worker."""
    total: Counter[str] = Counter()
    for sample in SandboxSample.objects.filter(at__gt=timezone.now() - WINDOW).values_list("total", flat=True):
        total.update(sample)
    latency = GaugeMetricFamily(
        "espalier_sandbox_latency_seconds", "From asking to answering, over the last 5 minutes", labels=["share"]
    )
    for name, share in SHARES.items():
        milliseconds = percentile(total, share)
        if milliseconds is not None:
            latency.add_metric([name], milliseconds / 1000)
    yield latency
