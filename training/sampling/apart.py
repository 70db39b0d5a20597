"""An engine with weights of its own, that works beside training and ends as soon as nobody waits for it."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager

import torch
from torch import Tensor, nn

from training.sampling.meeting import meet, part
from training.sampling.types import Completion, EngineCounters, OnFinish, SamplingParams, Stream, StreamingEngine


class EngineApart:
    """A `StreamingEngine` over another one, whose weights are handed over.

    Again and again while it samples it calls `check`, which may raise to end the call: what was sampled so far is
    forgotten. With a `copy`, weights go there, for an engine that reads them from it.
    """

    def __init__(self, engine: StreamingEngine, check: Callable[[], None], copy: nn.Module | None = None) -> None:
        self._engine = engine
        self._check = check
        self._copy = copy

    @property
    def weights_version(self) -> int:
        """See `Engine`."""
        return self._engine.weights_version

    @property
    def counters(self) -> EngineCounters:
        """See `Engine`."""
        return self._engine.counters

    @property
    def capacity_tokens(self) -> int:
        """See `StreamingEngine`."""
        return self._engine.capacity_tokens

    def meet(self) -> None:
        """See `MeetingEngine`."""
        meet(self._engine)

    def part(self) -> None:
        """See `MeetingEngine`."""
        part(self._engine)

    @torch.no_grad()
    def update_weights(self, version: int, weights: Iterable[tuple[str, Tensor]] | None = None) -> None:
        """See `Engine`."""
        if weights is None:
            raise ValueError("this engine has weights of its own: hand them over")
        if self._copy is None:
            return self._engine.update_weights(version, weights)
        parameters = dict(self._copy.named_parameters())
        for name, value in weights:
            parameters[name].copy_(value)
        return self._engine.update_weights(version)

    def sample(
        self,
        prompts: Sequence[Sequence[int]],
        params: SamplingParams | Sequence[SamplingParams],
        on_finish: OnFinish | None = None,
        should_abort: Callable[[], bool] | None = None,
    ) -> list[list[Completion]]:
        """See `Engine`."""

        def asked() -> bool:
            self._check()
            return should_abort is not None and should_abort()

        return self._engine.sample(prompts, params, on_finish, asked)

    @contextmanager
    def stream(self, params: Sequence[SamplingParams], longest: int, most: int) -> Iterator[Stream]:
        """See `StreamingEngine`."""
        with self._engine.stream(params, longest, most) as session:
            take = session.take

            def checked() -> list[tuple[int, Completion]]:
                self._check()
                return take()

            session.take = checked  # type: ignore[method-assign]
            yield session
