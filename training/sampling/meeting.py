"""Where the processes of a run come together around their engines: before they sample their shares, and after."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Protocol, runtime_checkable

from training.sampling.types import Engine


@runtime_checkable
class MeetingEngine(Engine, Protocol):
    """An engine that takes weights where all processes of a run come together, and nowhere else."""

    def meet(self) -> None:
        """See that all can sample by the latest weights; every process calls it at the same time."""
        ...

    def part(self) -> None:
        """Say that this process has sampled its share; returns when all have. Every process calls it."""
        ...


def meet(engine: Engine) -> None:
    """Before processes sample their shares: let the engine's meet, if it wants them to."""
    if isinstance(engine, MeetingEngine):
        engine.meet()


def part(engine: Engine) -> None:
    """After they have: let the engine wait for those who have not, if it wants to."""
    if isinstance(engine, MeetingEngine):
        engine.part()


@contextmanager
def sampling_shares(engine: Engine) -> Iterator[None]:
    """Within it each process samples its share, and exchanges nothing with the others; all enter and leave together."""
    meet(engine)
    yield
    part(engine)
