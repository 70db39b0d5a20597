"""Metrics of the workers' machines and GPUs, as each reported them with its last heartbeat."""

from collections import Counter
from collections.abc import Iterator

from prometheus_client.core import GaugeMetricFamily, Metric

from webapp.machines.models import Worker, WorkerState

GPU_LABELS = ["host", "gpu", "name"]


def of_machines() -> Iterator[Metric]:
    """Workers by state, and the GPUs of those that are there, each once however many workers share it; one query."""
    workers = GaugeMetricFamily("espalier_workers", "Workers that run jobs, heard of lately", labels=["state"])
    busy = GaugeMetricFamily("espalier_gpu_utilisation_ratio", "Share of the last heartbeat's time", labels=GPU_LABELS)
    used = GaugeMetricFamily("espalier_gpu_memory_used_bytes", "Memory in use", labels=GPU_LABELS)
    total = GaugeMetricFamily("espalier_gpu_memory_bytes", "Memory there is", labels=GPU_LABELS)
    heat = GaugeMetricFamily("espalier_gpu_temperature_celsius", "Temperature", labels=GPU_LABELS)
    states: Counter[str] = Counter()
    seen: set[str] = set()
    for row in Worker.objects.only("host", "state", "heartbeat_at", "gpus").order_by("-heartbeat_at"):
        states["lost" if row.is_lost else row.state] += 1
        for gpu in row.gpus_now if row.is_ready else ():
            key = gpu.uuid or f"{row.host}:{gpu.index}"
            if key in seen:
                continue
            seen.add(key)
            labels = [row.host, str(gpu.index), gpu.name]
            used.add_metric(labels, gpu.used)
            total.add_metric(labels, gpu.total)
            for family, value in ((busy, gpu.utilisation), (heat, gpu.temperature)):
                if value is not None:
                    family.add_metric(labels, value)
    for state in (*WorkerState.values, "lost"):
        workers.add_metric([state], states[state])
    yield from (workers, busy, used, total, heat)
