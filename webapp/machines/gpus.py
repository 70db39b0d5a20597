"""Reads a machine's GPUs. The one place that knows NVIDIA's library; everybody else asks a `GpuReader`."""

import os
from contextlib import suppress
from typing import Any, Protocol

import pynvml

from webapp.machines.devices import Gpu


class GpuReader(Protocol):
    """Whoever can tell which GPUs this process may use."""

    def read(self) -> tuple[Gpu, ...]:
        """All of them as they are now, by index; none where there is no driver. Never raises."""
        ...


class Nvml:
    """By NVIDIA's management library, limited to what ``CUDA_VISIBLE_DEVICES`` allows."""

    def read(self) -> tuple[Gpu, ...]:
        try:
            pynvml.nvmlInit()
        except pynvml.NVMLError:  # no driver, so no GPU
            return ()
        try:
            found = [_gpu(index) for index in range(pynvml.nvmlDeviceGetCount())]
        except pynvml.NVMLError:  # the driver is being replaced, or fell over
            return ()
        finally:
            with suppress(pynvml.NVMLError):
                pynvml.nvmlShutdown()
        return visible(tuple(found), os.environ.get("CUDA_VISIBLE_DEVICES"))


def visible(gpus: tuple[Gpu, ...], allowed: str | None) -> tuple[Gpu, ...]:
    """Those of ``gpus`` that a value of ``CUDA_VISIBLE_DEVICES`` (indices, or beginnings of uuids) lets be seen.

    As CUDA does, whatever follows a name that fits none is not seen either.
    """
    if allowed is None:
        return gpus
    seen: list[Gpu] = []
    for name in (part.strip() for part in allowed.split(",")):
        found = next((gpu for gpu in gpus if name and (name == str(gpu.index) or gpu.uuid.startswith(name))), None)
        if found is None:
            break
        seen.append(found)
    return tuple(sorted(seen, key=lambda gpu: gpu.index))


def _gpu(index: int) -> Gpu:
    handle = pynvml.nvmlDeviceGetHandleByIndex(index)
    memory = pynvml.nvmlDeviceGetMemoryInfo(handle)
    utilisation = _told(lambda: pynvml.nvmlDeviceGetUtilizationRates(handle).gpu)
    return Gpu(
        name=_text(pynvml.nvmlDeviceGetName(handle)),
        total=int(memory.total),
        used=int(memory.used),
        utilisation=None if utilisation is None else utilisation / 100,
        temperature=_told(lambda: pynvml.nvmlDeviceGetTemperature(handle, pynvml.NVML_TEMPERATURE_GPU)),
        index=index,
        uuid=_text(pynvml.nvmlDeviceGetUUID(handle)),
    )


def _told(ask: Any) -> float | None:
    """What some devices (and all that are split) do not tell."""
    try:
        return float(ask())
    except pynvml.NVMLError:
        return None


def _text(value: str | bytes) -> str:
    return value.decode("utf-8", "replace") if isinstance(value, bytes) else str(value)
