"""Samples from a transformers model in this process, on the CPU or one GPU, sharing the module with the trainer."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace

import torch
from torch import Tensor
from transformers import PreTrainedModel

from training.sampling.forward import cached_layers
from training.sampling.prefix_cache import PrefixCache
from training.sampling.requests import Sample, collected, samples_of
from training.sampling.session import Capacity, Session, bytes_per_token
from training.sampling.streaming import StreamingSession
from training.sampling.types import Completion, EngineCounters, OnFinish, SamplingParams

MAX_ROWS = 256
KV_BYTES = 2 << 30


class TorchEngine:
    """An `Engine` over `model`, whose parameters it reads and never copies.

    `max_rows` bounds the rows of a decoding step and `kv_bytes` the memory of their keys and values; samples beyond
    that wait for a row to end (prompts being prefilled come on top). `prefix_bytes` is memory to keep prefixes for
    later calls, on the model's device; 0 keeps none. Raises ValueError for a model that is no causal language model
    with keys and values in every layer.
    """

    def __init__(
        self,
        model: PreTrainedModel,
        *,
        weights_version: int = 0,
        max_rows: int = MAX_ROWS,
        kv_bytes: int = KV_BYTES,
        prefix_bytes: int = 0,
    ) -> None:
        if max_rows < 1:
            raise ValueError(f"max_rows must be at least 1, got {max_rows}")
        cached_layers(model)
        self._model = model
        self._weights_version = weights_version
        self._capacity = Capacity(max_rows, kv_bytes)
        self._prefixes = PrefixCache(prefix_bytes)
        self._counters = EngineCounters()

    @property
    def weights_version(self) -> int:
        """See `Engine`."""
        return self._weights_version

    @property
    def counters(self) -> EngineCounters:
        """See `Engine`."""
        return self._counters

    def update_weights(self, version: int, weights: Iterable[tuple[str, Tensor]] | None = None) -> None:
        """See `Engine`. Without `weights`, the module itself is taken to have changed."""
        if weights is not None:
            with torch.no_grad():
                parameters = dict(self._model.named_parameters())
                for name, value in weights:
                    if name not in parameters:
                        raise ValueError(
                            f"the model has no parameter named {name!r}; it samples from another architecture"
                        )
                    parameters[name].copy_(value)
        self._weights_version = version
        self._prefixes.clear()

    def sample(
        self,
        prompts: Sequence[Sequence[int]],
        params: SamplingParams | Sequence[SamplingParams],
        on_finish: OnFinish | None = None,
        should_abort: Callable[[], bool] | None = None,
    ) -> list[list[Completion]]:
        """See `Engine`. Also raises ValueError when the memory for keys and values cannot hold the longest sample."""
        config = self._model.config.get_text_config()
        samples = samples_of(prompts, params, config.vocab_size, getattr(config, "max_position_embeddings", None))
        with evaluating(self._model):
            return collected(self._finished(samples, should_abort or (lambda: False)), len(prompts), on_finish)

    @property
    def capacity_tokens(self) -> int:
        """See `StreamingEngine`: as many as the memory for prefixes holds."""
        return self._prefixes.budget // bytes_per_token(self._model)

    @contextmanager
    def stream(self, params: Sequence[SamplingParams], longest: int, most: int) -> Iterator[StreamingSession]:
        """See `StreamingEngine`. Sequences that come back are found in the memory for prefixes, if it holds them."""
        capacity = replace(self._capacity, max_rows=min(most, self._capacity.max_rows))
        with evaluating(self._model):
            yield StreamingSession(
                self._model, params, longest, capacity, self._prefixes, self._counters, self._weights_version
            )

    def _finished(self, samples: list[Sample], should_abort: Callable[[], bool]) -> Iterator[tuple[Sample, Completion]]:
        """Each sample when it is finished."""
        if not samples:
            return
        session = Session(
            self._model, samples, self._capacity, self._prefixes, self._counters, version=self._weights_version
        )
        while not session.is_done:
            for sample, completion in session.abort() if should_abort() else session.advance():
                self._counters.tokens_sampled += len(completion.token_ids)
                yield sample, completion


@contextmanager
def evaluating(model: PreTrainedModel) -> Iterator[None]:
    """Run `model` without dropout or gradient checkpointing, then put it back as it was."""
    was_training = model.training
    model.eval()
    try:
        yield
    finally:
        if was_training:
            model.train()
