"""After a run ran out of memory: in which phase, which part was largest, what was measured, and what to change."""

from dataclasses import dataclass
from functools import cached_property
from typing import Any
from urllib.parse import urlencode

from django.urls import reverse
from pydantic import ValidationError

from training.config import RunConfig
from training.config.footprint import memory_of
from training.config.memory import Memory, Part, total_of
from training.config.plan import plan_of
from webapp.runs.config_forms import Fix
from webapp.runs.configure.facts import Facts, facts_of
from webapp.runs.configure.fits import TIGHT_SHARE
from webapp.runs.configure.remedies import remedies
from webapp.runs.configure.words import html_value, label_within, shown
from webapp.runs.models import Run

SAMPLING = frozenset({"sampling", "searching", "evaluating", "selecting", "filtering"})
"""Phases in which responses are written, so that keys and values are held."""
LESS = 0.7
"""Of what the phase held by the estimate, which proved too low: aimed at where even all of it would have fitted."""
MEASURED = {
    "system/gpu_memory_bytes": "GPU memory of the trainer, at most",
    "system/rss_bytes": "Memory of the trainer",
}
"""Metrics of the last step, and what they are called here."""


@dataclass(frozen=True, slots=True)
class WayOut:
    """A change, and the form that clones the run with it."""

    label: str
    address: str


@dataclass(frozen=True)
class MemoryReport:
    """What its page says of a run that memory ended."""

    run: Run
    config: RunConfig | None
    """None where this version cannot read the stored one."""
    facts: Facts | None

    @property
    def told(self) -> dict[str, Any]:
        """``training.events.Failed``."""
        return dict(self.run.failure)

    @property
    def on_gpu(self) -> bool:
        return bool(self.told.get("where") == "gpu")

    @property
    def phase(self) -> str:
        return str(self.told.get("phase") or "")

    @cached_property
    def memory(self) -> Memory | None:
        """The estimate, as the form made it."""
        if self.config is None or self.facts is None or self.facts.shape is None:
            return None
        plan = plan_of(self.config, self.facts.prompt_tokens)
        shape, of_reward = self.facts.shape, self.facts.reward_shape
        return memory_of(self.config, plan, shape, self._device, of_reward, self._total)

    @property
    def parts(self) -> list[Part]:
        """What was held in that phase, the largest first."""
        if self.memory is None:
            return []
        return sorted((*self.memory.always, *self._of_phase(self.memory)), key=lambda part: -part.bytes)

    @property
    def measured(self) -> list[tuple[str, int]]:
        """What the trainer said it held: as it failed, and at its last whole step."""
        found = [(words, int(self.told.get(name) or 0)) for name, words in (
            ("requested", "Asked for in vain"),
            ("used", "Held by the trainer as it failed" if self.told.get("message") else "In use on the machine"),
            ("total", "There is in all"),
        )]  # fmt: skip
        found += [(words, int(self.run.latest.get(name) or 0)) for name, words in MEASURED.items()]
        return [(words, count) for words, count in found if count]

    @cached_property
    def ways_out(self) -> list[WayOut]:
        """Clones that should do: they hold less in the phase in which memory ran out."""
        if self.config is None or self.facts is None or self.memory is None:
            return []
        processes = 1 if self.on_gpu else self.config.hardware.processes
        needed, passing = self._held(self.memory) * processes, total_of(self._of_phase(self.memory)) * processes
        limit = min(needed - (1 - LESS) * passing, TIGHT_SHARE * (self._total or needed))
        fixes = remedies(self.config, self.facts, self._device, limit, self._held, self._total)
        return [_way(self.run, fix) for fix in fixes]

    @property
    def _total(self) -> int | None:
        """All that the device has, where the trainer told it."""
        return int(self.told.get("total") or 0) or None

    def _held(self, memory: Memory) -> int:
        """Bytes of a process in that phase."""
        return total_of((*memory.always, *self._of_phase(memory)))

    def _of_phase(self, memory: Memory) -> tuple[Part, ...]:
        """What is held in that phase alone; where the phase is not known, in the one that holds most."""
        if self.phase in SAMPLING:
            return memory.sampling
        if self.phase == "scoring":
            return memory.judging
        return memory.updating if self.phase == "updating" else memory.at_peak[len(memory.always) :]

    @property
    def _device(self) -> str:
        return "cuda" if self.on_gpu else "cpu"


def report_of(run: Run) -> MemoryReport | None:
    """None for a run that did not run out of memory."""
    if not run.failure:
        return None
    try:
        config = RunConfig.model_validate(run.config)
    except ValidationError:
        return MemoryReport(run, None, None)
    return MemoryReport(run, config, facts_of(config))


def _way(run: Run, fix: Fix) -> WayOut:
    changes = [f"{label_within(name)} {shown(value)}" for name, value in fix.values.items()]
    query = [
        ("clone", str(run.pk)),
        *(("set", f"{name}:{html_value(name, value)}") for name, value in fix.values.items()),
    ]
    return WayOut("Clone with " + ", ".join(changes), f"{reverse('runs:new')}?{urlencode(query)}")
