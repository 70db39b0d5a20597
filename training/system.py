"""What the machine is doing: memory, processor and GPU of this process."""

import os
import time

import psutil
import torch


class SystemGauge:
    """Reads the machine's figures; shares are over the time since the reading before."""

    def __init__(self, device: torch.device) -> None:
        self._device = device
        self._process = psutil.Process()
        self._before = (time.perf_counter(), self._cpu_seconds())

    def read(self) -> dict[str, float]:
        """Metrics of the group `system`."""
        now, used = time.perf_counter(), self._cpu_seconds()
        elapsed, self_time = now - self._before[0], used - self._before[1]
        self._before = (now, used)
        figures = {
            "system/rss_bytes": float(self._process.memory_info().rss),
            "system/cpu_share": self_time / max(elapsed, 1e-9) / (os.cpu_count() or 1),
        }
        if self._device.type == "cuda":
            figures["system/gpu_memory_bytes"] = float(torch.cuda.max_memory_allocated(self._device))
            figures |= self._gpu_share()
        return figures

    def _gpu_share(self) -> dict[str, float]:
        try:
            return {"system/gpu_share": torch.cuda.utilization(self._device) / 100}
        except (RuntimeError, ModuleNotFoundError):  # a driver that tells nothing must not stop a run
            return {}

    def _cpu_seconds(self) -> float:
        times = self._process.cpu_times()
        return float(times.user + times.system)
