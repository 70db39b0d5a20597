"""A torch engine with weights of its own, that works beside training and ends as soon as nobody waits for it."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from torch import Tensor
from transformers import PreTrainedModel

from training.sampling.streaming import StreamingSession
from training.sampling.torch_engine import TorchEngine
from training.sampling.types import Completion, OnFinish, SamplingParams


class EngineApart(TorchEngine):
    """A `TorchEngine` over a copy of the policy.

    Before each of its passes it calls `check`, which may raise to end the call: what was sampled so far is forgotten.
    """

    def __init__(self, model: PreTrainedModel, check: Callable[[], None], **options: Any) -> None:
        super().__init__(model, **options)
        self._check = check

    def update_weights(self, version: int, weights: Iterable[tuple[str, Tensor]] | None = None) -> None:
        """See `Engine`."""
        if weights is None:
            raise ValueError("this engine has weights of its own: hand them over")
        super().update_weights(version, weights)

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

        return super().sample(prompts, params, on_finish, asked)

    @contextmanager
    def stream(self, params: Sequence[SamplingParams], longest: int, most: int) -> Iterator[StreamingSession]:
        """See `StreamingEngine`."""
        with super().stream(params, longest, most) as session:
            take = session.take

            def checked() -> list[tuple[int, Completion]]:
                self._check()
                return take()

            session.take = checked  # type: ignore[method-assign]
            yield session
