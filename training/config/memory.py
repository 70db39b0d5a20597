"""What estimates of memory and disk consist of."""

from dataclasses import dataclass

FLOAT32, BFLOAT16 = 4, 2
"""Bytes of a number."""


@dataclass(frozen=True, slots=True)
class Part:
    """One consumer of memory, and the knobs that change it."""

    name: str
    bytes: int
    why: str


@dataclass(frozen=True, slots=True)
class Memory:
    """Memory of one process. Sampling, asking frozen models that were put away, and updating take turns, so the peak
    is what is always there plus the largest."""

    always: tuple[Part, ...]
    sampling: tuple[Part, ...]
    updating: tuple[Part, ...]
    judging: tuple[Part, ...] = ()

    @property
    def parts(self) -> tuple[Part, ...]:
        return (*self.always, *self.sampling, *self.judging, *self.updating)

    @property
    def peak(self) -> int:
        """Bytes."""
        return total_of(self.at_peak)

    @property
    def at_peak(self) -> tuple[Part, ...]:
        return (*self.always, *max(self.sampling, self.judging, self.updating, key=total_of))


@dataclass(frozen=True, slots=True)
class Disk:
    """Bytes on disk when the run ends."""

    checkpoints: int
    rollouts: int
    trees: int = 0

    @property
    def total(self) -> int:
        return self.checkpoints + self.rollouts + self.trees


def total_of(parts: tuple[Part, ...]) -> int:
    """Bytes of all together."""
    return sum(part.bytes for part in parts)
