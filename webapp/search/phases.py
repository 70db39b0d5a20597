"""The problems of a phase of the hard subset, beside the phase before it, and the rule that divides them."""

from dataclasses import dataclass
from functools import cached_property

from training.config import HardSubsetConfig
from webapp.search.models import HardSubset

CHANGES = {
    "kept": ("Hard now", "◆"), "entered": ("Entered", "→"), "left": ("Left", "←"), "stayed": ("Stayed", "="),
    "easy": ("Not hard", "○"), "cached": ("Cached", "◉"),
}  # fmt: skip
"""What the problems of a phase can be narrowed to: its title and its sign."""


@dataclass(frozen=True, slots=True)
class Problem:
    """A problem at one phase."""

    name: str
    right: int | None
    """Of the samples; None when it was not looked at."""
    samples: int
    before: tuple[int, int] | None
    """Right ones and samples at the phase before."""
    kept: bool
    was_kept: bool
    cached: bool

    @property
    def change(self) -> str:
        """Its key in ``CHANGES``."""
        if self.kept:
            return "stayed" if self.was_kept else "entered"
        return "left" if self.was_kept else "easy"

    @property
    def sign(self) -> str:
        return CHANGES[self.change][1]

    @property
    def title(self) -> str:
        return CHANGES[self.change][0]

    @property
    def share(self) -> float | None:
        return None if self.right is None else self.right / self.samples

    def is_among(self, which: str) -> bool:
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
        was = {} if self.before is None else dict(zip(self.before.ids, self._of_before(), strict=True))
        now = [
            self._problem(name, right, was.get(name), kept, cached)
            for name, right, kept, cached in zip(
                self.row.ids, self.row.right, self.row.kept, self.row.cached, strict=True
            )
        ]
        looked_at = set(self.row.ids)
        gone = [self._problem(name, None, was[name], False, False) for name in was if name not in looked_at]
        return sorted(now, key=lambda problem: problem.right or 0) + gone

    @cached_property
    def counts(self) -> dict[str, int]:
        """How many problems each of ``CHANGES`` has."""
        return {which: sum(problem.is_among(which) for problem in self.problems) for which in CHANGES}

    def _of_before(self) -> list[tuple[int, bool]]:
        assert self.before is not None
        return list(zip(self.before.right, self.before.kept, strict=True))

    def _problem(self, name: str, right: int | None, was: tuple[int, bool] | None, kept: bool, cached: bool) -> Problem:
        samples = self.before.samples if self.before else 0
        return Problem(
            name=name,
            right=right,
            samples=self.row.samples,
            before=(was[0], samples) if was else None,
            kept=kept,
            was_kept=bool(was and was[1]),
            cached=cached,
        )


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
