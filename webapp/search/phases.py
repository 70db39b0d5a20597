"""The problems of a phase of the hard subset, beside the phase before it, and the rule that divides them."""

from collections import Counter
from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple

from training.config import HardSubsetConfig
from webapp.search.models import HardSubset

CHANGES = {
    "kept": ("Hard now", "◆"), "entered": ("Entered", "→"), "left": ("Left", "←"), "stayed": ("Stayed", "="),
    "easy": ("Not hard", "○"), "cached": ("Cached", "◉"),
}  # fmt: skip
"""What the problems of a phase can be narrowed to: its title and its sign."""
_CHANGE = {(True, False): "entered", (True, True): "stayed", (False, True): "left", (False, False): "easy"}
"""By whether a problem is hard now, and was before."""


class Problem(NamedTuple):
    """A problem at one phase; there are ten thousands of them, so it is a tuple."""

    name: str
    right: int | None
    """Of the samples; None when it was not looked at."""
    samples: int
    right_before: int | None
    """At the phase before; None when that did not look at it."""
    samples_before: int
    change: str
    """Its key in ``CHANGES``."""
    cached: bool

    @property
    def kept(self) -> bool:
        return self.change in ("entered", "stayed")

    @property
    def title(self) -> str:
        return CHANGES[self.change][0]

    @property
    def sign(self) -> str:
        return CHANGES[self.change][1]

    @property
    def share(self) -> float | None:
        return None if self.right is None else self.right / self.samples

    def is_among(self, which: str) -> bool:
        """Whether it is narrowed to by a key of ``CHANGES``."""
        if which == "cached":
            return self.cached
        return self.kept if which == "kept" else self.change == which


@dataclass(frozen=True)
class Phase:
    """A phase beside the one before it."""

    row: HardSubset
    before: HardSubset | None

    @cached_property
    def problems(self) -> list[Problem]:
        """The hardest first. Problems that only the phase before looked at come last."""
        row, earlier = self.row, self.before
        was: dict[str, tuple[int, bool]] = {}
        if earlier is not None:
            was = dict(zip(earlier.ids, zip(earlier.right, earlier.kept, strict=True), strict=True))
        samples_before = earlier.samples if earlier is not None else 0
        unknown = (None, False)
        now = []
        for name, right, kept, cached in zip(row.ids, row.right, row.kept, row.cached, strict=True):
            right_before, was_kept = was.pop(name, unknown)
            change = _CHANGE[kept, was_kept]
            now.append(Problem(name, right, row.samples, right_before, samples_before, change, cached))
        now.sort(key=lambda problem: problem.right or 0)
        return now + [
            Problem(name, None, row.samples, right, samples_before, _CHANGE[False, kept], False)
            for name, (right, kept) in was.items()
        ]

    @cached_property
    def counts(self) -> dict[str, int]:
        """How many problems each of ``CHANGES`` has."""
        changes = Counter(problem.change for problem in self.problems)
        cached = sum(problem.cached for problem in self.problems)
        sums = {"kept": changes["entered"] + changes["stayed"], "cached": cached}
        return {which: sums.get(which, changes[which]) for which in CHANGES}


@dataclass(frozen=True, slots=True)
class Rule:
    """When a problem counts as hard, for this run's samples."""

    config: HardSubsetConfig

    def is_hard(self, right: int, samples: int) -> bool:
        share, threshold = right / samples, self.config.threshold
        return share <= threshold if self.config.rule == "at_most" else share < threshold

    @property
    def hard_counts(self) -> list[str]:
        """``0 of 4``, ``1 of 4``: the counts that are hard."""
        samples = self.config.samples
        return [f"{right} of {samples}" for right in range(samples + 1) if self.is_hard(right, samples)]
