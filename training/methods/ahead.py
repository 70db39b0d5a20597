"""Batches gathered ahead of the step that learns from them, in a second thread, by a copy of the weights or by servers.

Step s is sampled by the weights that stood after step max(s - 1 - lag, 0): the bound alone decides which, never the
clock, so that a run says and learns the same whatever its timing. With a lag of 1, the batch of the next step is
gathered while this one is learned from.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor, wait
from contextlib import contextmanager
from dataclasses import dataclass, field
from time import perf_counter
from typing import Any

from torch import Tensor

from training.beside import ProcessesBeside
from training.events.types import AnyEvent
from training.experience.types import Group
from training.recorder import Recorder
from training.sampling.types import Engine

Weights = dict[str, Tensor]


@dataclass(slots=True)
class Batch:
    """What gathering for one step found."""

    groups: list[Group]
    state: dict[str, Any]
    """Of whoever gathers, once it is done: what the next batch depends on, plain values."""
    figures: dict[str, float] = field(default_factory=dict)
    events: list[AnyEvent] = field(default_factory=list)
    tokens_beside: int = 0
    """Sampled outside of its groups."""


class Abandoned(Exception):  # noqa: N818  # no error: nobody waits for the batch any more
    """What gathers is asked to end."""


class GatheringAhead:
    """Gathers batches in the order of their steps, `lag` steps ahead of the one being learned from.

    What gathers (`gather_by`) samples by an engine of its own weights (`sample_by`), which asks `check` now and then.
    Use `open`, which ends the thread promptly whatever it is at.
    """

    def __init__(
        self,
        lag: int,
        last_step: int,
        weights: Callable[[], Iterable[tuple[str, Tensor]]],
        keep: Callable[[Iterable[tuple[str, Tensor]]], Weights],
        recorder: Recorder,
        processes: ProcessesBeside,
        shares_engine: bool = False,
    ) -> None:
        """`weights` are those of now, which are handed over in memory, each version once, as `keep` keeps them.

        All `processes` gather at the same time, each its share. Where it `shares_engine`, who samples besides has to
        `settle` before.
        """
        self._lag = lag
        self._last = last_step
        self._weights_of_now = weights
        self._keep = keep
        self._processes = processes
        self._shares_engine = shares_engine
        self._engine: Engine
        self._recorder = recorder
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="sampler")
        self._gather: Callable[[int], Batch]
        self._weights: dict[int, Weights] = {}
        """By version, of batches that are not learned from yet."""
        self._pending: dict[int, tuple[int, Future[tuple[Batch, float]]]] = {}
        """Version and batch by step."""
        self._begun: int | None = None
        """Last step whose batch was begun."""
        self._loaded: int | None = None
        self._closing = False

    @contextmanager
    def open(self) -> Iterator["GatheringAhead"]:
        """Within it batches are gathered."""
        try:
            yield self
        except BaseException:
            self._processes.give_up()
            raise
        finally:
            self._closing = True
            for _, future in self._pending.values():
                future.cancel()
            self._thread.submit(self._processes.end)
            self._thread.shutdown(wait=True)

    def check(self) -> None:
        """Raises Abandoned once nobody waits any more."""
        if self._closing:
            raise Abandoned

    def sample_by(self, engine: Engine) -> None:
        """Say which engine gathering samples by, and weights are handed to."""
        self._engine = engine

    def gather_by(self, gather: Callable[[int], Batch]) -> None:
        """Say how the batch of a step is gathered; it is called in the other thread."""
        self._gather = gather

    def take(self, step: int) -> tuple[Batch, float]:
        """The batch of `step`, and the seconds it took; begins the one of `step + lag` with the weights of now.

        Called once for each step, in order, before the step changes the weights.
        """
        first = step if self._begun is None else self._begun + 1
        self._begin(range(first, min(step + self._lag, self._last) + 1), step - 1)
        with self._recorder.phase("sampling"):
            _, future = self._pending.pop(step)
            batch = future.result()
        self._forget_weights()
        return batch

    def settle(self) -> None:
        """Return when nothing is being sampled any more, if that would be in the way."""
        if self._shares_engine:
            wait([future for _, future in self._pending.values()])

    def state_dict(self) -> dict[str, Any]:
        """Versions of the batches under way, and their weights: a resumed run gathers them again."""
        return {
            "versions": {step: version for step, (version, _) in self._pending.items()},
            "weights": dict(self._weights),
        }

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Begin again what was under way."""
        for step, version in sorted(state["versions"].items()):
            self._begin([step], version, state["weights"][version])

    def _begin(self, steps: "range | list[int]", version: int, weights: Weights | None = None) -> None:
        for step in steps:
            if version not in self._weights:
                self._weights[version] = self._keep(self._weights_of_now() if weights is None else weights.items())
            future = self._thread.submit(self._run, step, version, self._weights[version])
            self._pending[step], self._begun = (version, future), step

    def _run(self, step: int, version: int, weights: Weights) -> tuple[Batch, float]:
        start = perf_counter()
        try:
            if self._loaded != version:
                self._engine.update_weights(version, weights.items())
                self._loaded = version
            batch = self._gather(step)
        except BaseException:
            self._processes.end()
            raise
        return batch, perf_counter() - start

    def _forget_weights(self) -> None:
        needed = {version for version, _ in self._pending.values()}
        self._weights = {version: kept for version, kept in self._weights.items() if version in needed}
