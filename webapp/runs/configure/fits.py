"""Whether a run's memory fits the machines that may take it: those whose workers are registered, by kind of device.

Where no worker is registered yet, as before the first start, the machine that the web runs on stands for them.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from training.config import RunConfig
from training.config.footprint import memory_of
from training.config.memory import Memory, Part
from training.config.plan import Plan
from webapp.machines.demand import Demand, demand_of
from webapp.machines.models import Worker, registered
from webapp.runs.configure.facts import Facts
from webapp.runs.configure.machine import Machine
from webapp.runs.models import Run
from webapp.runs.queueing import TRAINING_QUEUE
from webapp.runs.status import ACTIVE

TIGHT_SHARE = 0.8
"""Of the memory that is free now; estimates are not that exact."""
VERDICTS = ("oom", "unknown", "tight", "ok")
"""The gravest first."""


@dataclass(frozen=True, slots=True)
class Fit:
    """The memory a run needs against what there is."""

    memory: Memory
    where: str
    needed: int
    capacity: int | None
    """Bytes; None when this machine has no such device."""
    free: int
    processes: int
    device: str = "cpu"

    @property
    def verdict(self) -> str:
        """``ok``, ``tight``, ``oom`` or ``unknown``."""
        if self.capacity is None:
            return "unknown"
        if self.needed > self.capacity:
            return "oom"
        return "tight" if self.needed > TIGHT_SHARE * self.free else "ok"

    @property
    def parts(self) -> list[tuple[int, Part]]:
        """Every part, with the number of its colour."""
        return list(enumerate(self.memory.parts, start=1))

    @property
    def bars(self) -> list[tuple[int, float, float]]:
        """Of each part at the peak: its number, start and width, in percent of the capacity or, if larger, the need."""
        whole = max(self.needed, self.capacity or 0) / self.processes
        at, bars = 0.0, []
        for number, part in self.parts:
            if part in self.memory.at_peak:
                width = 100 * part.bytes / whole
                bars.append((number, round(at, 2), round(width, 2)))
                at += width
        return bars


@dataclass(frozen=True, slots=True)
class Place:
    """A kind of device that may get a run: ``cpu`` or ``cuda``, and the memory it has, in bytes."""

    device: str
    where: str
    capacity: int | None
    free: int


@dataclass(frozen=True, slots=True)
class Fleet:
    """The workers that carry runs, and names of the processes that have one in hand."""

    workers: Sequence[Worker]
    busy: frozenset[str]


def fleet_now() -> Fleet:
    """As it is registered."""
    busy = Run.objects.filter(status__in=ACTIVE).values_list("worker", flat=True)
    return Fleet(list(registered(TRAINING_QUEUE)), frozenset(busy))


def fits_of(config: RunConfig, plan: Plan, facts: Facts, machine: Machine, fleet: Fleet | None = None) -> list[Fit]:
    """On every kind of device that may get the run, the gravest verdict first; empty while its size is not known.

    Who asks for several runs at once reads the ``fleet`` once.
    """
    fleet = fleet or fleet_now()
    if not fleet.workers:
        alone = fit_of(config, plan, facts, machine)
        return [alone] if alone else []
    found = [_fit(config, plan, facts, place) for place in _places(demand_of(config.hardware), fleet)]
    known = [fit for fit in found if fit is not None]
    return sorted(known, key=lambda fit: VERDICTS.index(fit.verdict))


def fit_of(config: RunConfig, plan: Plan, facts: Facts, machine: Machine) -> Fit | None:
    """On this one machine; None while the model's size is not known."""
    wanted = config.hardware.device
    if wanted == "cpu" or (wanted == "auto" and not machine.gpus):
        return _fit(config, plan, facts, Place("cpu", "this machine", machine.memory, machine.memory_free))
    if not machine.gpus:
        return _fit(config, plan, facts, Place("cuda", "a GPU (this machine has none)", None, 0))
    gpu = machine.gpus[0]
    return _fit(config, plan, facts, Place("cuda", gpu.name, gpu.total, gpu.free))


def _fit(config: RunConfig, plan: Plan, facts: Facts, place: Place) -> Fit | None:
    if facts.shape is None:
        return None
    memory = memory_of(config, plan, facts.shape, place.device, facts.reward_shape, place.capacity)
    processes = config.hardware.processes if place.device == "cpu" else 1
    return Fit(memory, place.where, memory.peak * processes, place.capacity, place.free, processes, place.device)


def _places(demand: Demand, fleet: Fleet) -> list[Place]:
    """Of each kind one, with the least memory that one of that kind has."""
    least: dict[tuple[str, str], Place] = {}
    for worker in fleet.workers:
        if demand.fits(worker.gpus_now):
            for place in _of(worker, demand, is_busy=not fleet.busy.isdisjoint(worker.processes)):
                key = (place.device, place.where)
                known = least.get(key)
                if known is None or place.free < known.free:
                    least[key] = place
    return list(least.values()) or [Place("cuda", f"{demand.in_words} (no registered machine has that)", None, 0)]


def _of(worker: Worker, demand: Demand, is_busy: bool) -> Iterator[Place]:
    """What a run under way holds will be free when another one begins."""
    if demand.uses_gpu and worker.gpus:
        for gpu in demand.matching(worker.gpus_now):
            yield Place("cuda", gpu.name, gpu.total, gpu.total if is_busy else gpu.free)
    else:
        processor = worker.processor_now
        yield Place("cpu", worker.host, processor.total, processor.total if is_busy else processor.free)
