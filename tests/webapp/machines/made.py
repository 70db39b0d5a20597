"""Rows as workers leave them, and a reader of GPUs that needs no GPU."""

from dataclasses import dataclass
from typing import Any

from django.utils import timezone

from webapp.machines.devices import Gpu, Processor, as_json
from webapp.machines.models import Worker, WorkerState

GIB = 2**30


@dataclass
class FakeGpus:
    """What `GpuReader` asks for, from a list."""

    gpus: tuple[Gpu, ...] = ()

    def read(self) -> tuple[Gpu, ...]:
        return self.gpus


def made_gpu(index: int = 0, name: str = "NVIDIA H100 80GB HBM3", **values: Any) -> Gpu:
    """A GPU at work."""
    usual: dict[str, Any] = {"total": 80 * GIB, "used": 20 * GIB, "utilisation": 0.93, "temperature": 61.0}
    return Gpu(name=name, index=index, uuid=f"GPU-{name[-3:]}-{index}", **usual | values)


def made_processor(**values: Any) -> Processor:
    """A processor with two cores."""
    usual: dict[str, Any] = {"total": 16 * GIB, "used": 4 * GIB, "utilisation": 0.4, "temperature": None, "cores": 2}
    return Processor(name="Some Processor", **usual | values)


def made_worker(name: str = "gpu@here", gpus: tuple[Gpu, ...] = (), **values: Any) -> Worker:
    """A worker's row, just written."""
    now = timezone.now()
    usual: dict[str, Any] = {
        "process": f"{name}:1:1.00", "processes": [f"{name}:1:1.00", f"{name}:2:1.00"], "host": name.partition("@")[2],
        "queues": ["gpu"], "versions": {"python": "3.11.9", "torch": "2.7.1"}, "processor": as_json(made_processor()),
        "gpus": [as_json(gpu) for gpu in gpus],
        "history": {"cpu": [0.1, 0.4], **{gpu.uuid: [0.2, None, 0.9, 0.9] for gpu in gpus}},
        "state": WorkerState.READY, "started_at": now, "heartbeat_at": now,
    }  # fmt: skip
    return Worker.objects.create(name=name, **usual | values)
