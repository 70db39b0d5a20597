"""Runs chosen for a report, and which arm each probably belongs to."""

import re
from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from webapp.runs.models import Run

MOST_RUNS = 64
SEED_WORDS = re.compile(r"[\s,;:()_-]*\b(?:seed|s)[\s=_-]*\d+\)?\s*$", re.IGNORECASE)
"""The part of a name that tells its seed: ``, seed 2``, ``(seed=2)``, ``-s2``."""


@dataclass(frozen=True, slots=True)
class Choice:
    """A run, and the title of the arm it is put into."""

    run: Run
    arm: str

    @property
    def seed(self) -> int:
        seed = self.run.config.get("seed", 0)
        return seed if isinstance(seed, int) else 0

    @property
    def config_without_seed(self) -> dict[str, Any]:
        return {name: value for name, value in self.run.config.items() if name != "seed"}


def guessed(runs: Sequence[Run]) -> list[Choice]:
    """Runs of one group are an arm, else those whose names differ in the seed only. Where two runs of an arm have the
    same seed, each gets an arm of its own."""
    choices = [Choice(run, arm_of(run)) for run in runs]
    seeds: dict[str, Counter[int]] = defaultdict(Counter)
    for choice in choices:
        seeds[choice.arm][choice.seed] += 1
    crowded = {arm for arm, counts in seeds.items() if max(counts.values()) > 1}
    return [
        Choice(each.run, f"{each.run.name[:60]} ({each.run.pk})") if each.arm in crowded else each for each in choices
    ]


def arm_of(run: Run) -> str:
    """The run's group, or its name without the seed."""
    return run.group or (SEED_WORDS.sub("", run.name).strip() or run.name)[:80]
