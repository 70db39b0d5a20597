"""A response's step beside the expert's: what both share is what it was paid for."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from training.srl.similarity import Block, matching_blocks
from webapp.inspection.models import Rollout, RolloutGroup


@dataclass(frozen=True, slots=True)
class Stretch:
    """A part of a step."""

    text: str
    shared: bool
    """Whether it is in a matching block, and so counts in the similarity."""


@dataclass(frozen=True, slots=True)
class ExpertStep:
    """What the responses of a group are compared with."""

    number: int
    """Of the step, from 1; 0 for a whole solution."""
    count: int
    context: list[str]
    target: str
    title: str
    autojunk: bool
    faults: list[str]

    @classmethod
    def of(cls, group: RolloutGroup) -> "ExpertStep | None":
        """None where no expert's step was to be predicted."""
        told: Mapping[str, Any] | None = group.expert
        if not told:
            return None
        return cls(
            int(told.get("step", 0)),
            int(told.get("steps", 0)),
            list(told.get("context", ())),
            str(told.get("target", "")),
            str(told.get("title", "")),
            bool(told.get("autojunk", False)),
            list(told.get("faults", ())),
        )

    @property
    def name(self) -> str:
        """``Step 2 of 6``."""
        return f"Step {self.number} of {self.count}" if self.number else "The whole solution"

    @property
    def what(self) -> str:
        return "step" if self.number else "solution"

    def beside(self, rollout: Rollout) -> "Beside":
        """A response's step beside this one."""
        fault = self.faults[rollout.index] if rollout.index < len(self.faults) else ""
        return Beside(self, rollout.extracted, fault)


@dataclass(frozen=True)
class Beside:
    """The model's step and the expert's."""

    expert: ExpertStep
    action: str | None
    """None on a format failure."""
    fault: str
    """Why there is none, in words."""

    @cached_property
    def blocks(self) -> list[Block]:
        """Those that the reward counted."""
        return matching_blocks(self.action or "", self.expert.target, self.expert.autojunk)

    @property
    def model(self) -> list[Stretch]:
        return stretches(self.action or "", [(start, size) for start, _, size in self.blocks])

    @property
    def target(self) -> list[Stretch]:
        """The expert's step; where there is none to compare it with, nothing of it is shared."""
        return stretches(self.expert.target, [(start, size) for _, start, size in self.blocks])

    @property
    def shared(self) -> int:
        """M: characters in matching blocks."""
        return sum(size for _, _, size in self.blocks)

    @property
    def characters(self) -> int:
        """T: of both."""
        return len(self.action or "") + len(self.expert.target)

    @property
    def similarity(self) -> float:
        """2 M / T."""
        return 2 * self.shared / self.characters if self.characters else 1.0

    @property
    def exact(self) -> bool:
        return self.action == self.expert.target


def stretches(text: str, shared: list[tuple[int, int]]) -> list[Stretch]:
    """The text in parts, by the places and sizes of what is shared, in order."""
    found: list[Stretch] = []
    at = 0
    for start, size in [*shared, (len(text), 0)]:
        if start > at:
            found.append(Stretch(text[at:start], False))
        if size:
            found.append(Stretch(text[start : start + size], True))
        at = start + size
    return found
