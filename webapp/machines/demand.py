"""What a run asks of a machine, and whether a machine has it.

The same rule decides what a worker takes, what pages say of a run that waits, and what a form warns of.
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from pydantic import ValidationError

from training.config import HardwareConfig
from webapp.machines.devices import Gpu


@dataclass(frozen=True, slots=True)
class Demand:
    """``count`` GPUs whose names hold ``kind``; without ``needs_gpu`` a machine that has no GPU at all will do."""

    count: int = 1
    kind: str = ""
    uses_gpu: bool = True
    needs_gpu: bool = False

    @property
    def in_words(self) -> str:
        """``2 GPUs of kind H100``."""
        if not self.uses_gpu:
            return "no GPU"
        kind = f" of kind {self.kind}" if self.kind else ""
        return f"{self.count} GPU{'s' * (self.count != 1)}{kind}"

    def matching(self, gpus: Iterable[Gpu]) -> list[Gpu]:
        """Those of the kind."""
        return [gpu for gpu in gpus if self.kind.lower() in gpu.name.lower()] if self.uses_gpu else []

    def fits(self, gpus: Sequence[Gpu]) -> bool:
        """Whether a machine with these GPUs could ever serve it."""
        if not self.uses_gpu or not (gpus or self.needs_gpu):
            return True
        return len(self.matching(gpus)) >= self.count

    def allot(self, gpus: Sequence[Gpu], taken: Collection[str] = ()) -> tuple[Gpu, ...] | None:
        """GPUs to compute on, none of those whose uuids are ``taken``; empty for the processor, None for not now."""
        if not self.uses_gpu or not (gpus or self.needs_gpu):
            return ()
        free = [gpu for gpu in self.matching(gpus) if gpu.uuid not in taken]
        return tuple(free[: self.count]) if len(free) >= self.count else None


def demand_of(hardware: HardwareConfig) -> Demand:
    """A GPU for each process, and one to sample on where that is another one."""
    sampler = hardware.sampling_device.partition(":")[2]
    if hardware.device == "cpu" and not hardware.sampling_device.startswith("cuda"):
        return Demand(uses_gpu=False)
    trains = 0 if hardware.device == "cpu" else hardware.processes
    count = max(trains, int(sampler) + 1 if sampler else 1)
    needs = hardware.device == "cuda" or hardware.sampling_device.startswith("cuda") or bool(hardware.gpu_kind.strip())
    return Demand(count, hardware.gpu_kind.strip(), needs_gpu=needs)


def demand_in(config: Mapping[str, Any]) -> Demand:
    """The same of a stored config; whoever carries a run whose hardware cannot be read will say so."""
    try:
        return demand_of(HardwareConfig.model_validate(config.get("hardware") or {}))
    except ValidationError:
        return Demand(uses_gpu=False)
