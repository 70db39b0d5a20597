"""Samples with vLLM, in the trainer's process or on a server: the same engine over different decoders.

What differs from the torch engine: prefixes are shared in blocks (16 tokens on most devices, 32 on CPUs), so the last
incomplete block of a prompt is run anew for every sample; random numbers are vLLM's own, from a seed of each sample, so
the same seed draws other tokens than the torch engine does; and temperatures below 0.01 count as 0.01.
"""

import itertools
import logging
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from uuid import uuid4

from torch import Tensor
from transformers import PreTrainedModel

from training.adapter import is_adapted, merged_weights
from training.sampling.decoder import Decoder, EngineLostError
from training.sampling.prefix_cache import PrefixCache
from training.sampling.requests import Sample, collected, samples_of
from training.sampling.types import Completion, EngineCounters, OnFinish, SamplingParams
from training.sampling.vllm_heads import fitted
from training.sampling.vllm_session import MOST_LOSSES, VllmSession
from training.sharding import Slices

logger = logging.getLogger("training")

MAX_ROWS = 256

Weights = Iterable[tuple[str, Tensor]]


class VllmEngine:
    """A `StreamingEngine` over a `decoder`, of whose places it takes at most `max_rows`; one call at a time.

    `source` gives the weights whenever `update_weights` is told none, and after the engine has rested. Its counters
    tell vLLM's own figures of prefixes found; prompts that were cut short before their first token are not in them.
    """

    def __init__(
        self,
        decoder: Decoder,
        *,
        weights_version: int = 0,
        max_rows: int = MAX_ROWS,
        source: Callable[[], Weights] | None = None,
    ) -> None:
        if max_rows < 1:
            raise ValueError(f"max_rows must be at least 1, got {max_rows}")
        self._decoder = decoder
        self._weights_version = weights_version
        self._max_rows = max_rows
        self._source = source
        self._name = uuid4().hex
        self._counters = EngineCounters()
        self._seen = PrefixCache(0)
        self._session: VllmSession | None = None
        self._stale = False
        """Whether the source has weights that the decoder has not."""

    @property
    def weights_version(self) -> int:
        """See `Engine`."""
        return self._weights_version

    @property
    def counters(self) -> EngineCounters:
        """See `Engine`."""
        return self._counters

    @property
    def capacity_tokens(self) -> int:
        """See `StreamingEngine`."""
        return self._decoder.facts.capacity_tokens

    def update_weights(self, version: int, weights: Weights | None = None) -> None:
        """See `Engine`. Without `weights`, those of the source are taken, as they are when the next call begins."""
        if weights is not None:
            self._decoder.load(version, fitted(with_head(weights), self._decoder.facts))
        elif self._source is None:
            raise ValueError("an engine of its own weights has to be given the new ones")
        self._stale = weights is None
        self._weights_version = version
        self._seen.clear()

    def rest(self) -> None:
        """Give back the device's memory until the next call or the next weights, where vLLM can."""
        self._decoder.rest()

    def sample(
        self,
        prompts: Sequence[Sequence[int]],
        params: SamplingParams | Sequence[SamplingParams],
        on_finish: OnFinish | None = None,
        should_abort: Callable[[], bool] | None = None,
    ) -> list[list[Completion]]:
        """See `Engine`. Raises EngineLostError as a stream does."""
        facts = self._decoder.facts
        samples = samples_of(prompts, params, facts.vocabulary, facts.context)
        return collected(self._finished(samples, should_abort or (lambda: False)), len(prompts), on_finish)

    @contextmanager
    def stream(self, params: Sequence[SamplingParams], longest: int, most: int) -> Iterator[VllmSession]:
        """See `StreamingEngine`. Sequences that come back are found in vLLM's prefix cache while it has room.

        Goes on with an engine that was lost and is back, `MOST_LOSSES` times; else EngineLostError.
        """
        with self._opened(longest, most) as session:
            yield session

    def _finished(self, samples: list[Sample], should_abort: Callable[[], bool]) -> Iterator[tuple[Sample, Completion]]:
        """Each sample when it is finished."""
        if not samples:
            return
        with self._opened(max(sample.longest for sample in samples), self._max_rows) as session:
            session.enter(samples)
            while not session.is_done:
                yield from session.abort() if should_abort() else session.advance()

    @contextmanager
    def _opened(self, longest: int, most: int) -> Iterator[VllmSession]:
        """A session, in which nothing is left decoding afterwards."""
        facts = self._decoder.facts
        room = min(facts.context, facts.capacity_tokens)
        if longest > room:
            raise ValueError(f"the longest sample needs {longest} tokens, but the engine holds {room}")
        if self._session is not None:
            raise RuntimeError("the engine is sampling already")
        self._take_weights()
        salt, most = f"{self._name}-{self._weights_version}", min(most, self._max_rows)
        self._session = VllmSession(
            self._decoder,
            self._counters,
            self._seen,
            salt,
            self._weights_version,
            most,
            longest,
            self._come_back,
        )
        try:
            yield self._session
        finally:
            self._session.close()
            self._session = None

    @property
    def _come_back(self) -> Callable[[], object] | None:
        """Waits for an engine that was lost, and gives it its weights; None where this cannot be done amid a call."""
        return self._take_weights

    def _take_weights(self) -> None:
        """Have the decoder load what it has not yet, or has lost, though it be lost while it does."""
        for losses in itertools.count(1):
            if self._decoder.prepare() and not self._stale:
                return
            try:
                self._decoder.load(self._weights_version, self._weights())
            except EngineLostError as error:
                if losses > MOST_LOSSES:
                    raise
                logger.warning("%s; it gets its weights once it is back", error)
            else:
                self._stale = False
                return

    def _weights(self) -> Weights:
        """Those of the source, as the decoder's model has them."""
        if self._source is None:
            raise ValueError("the engine has lost its weights and has to be given them")
        return fitted(self._source(), self._decoder.facts)


def weights_of(model: PreTrainedModel, shards: Slices | None = None) -> Weights:
    """The parameters of a model by name, a tied head once more; an adapter is merged into what it stands beside.

    Of a model that is shared out, one after the other is put together: all processes go through them at the same time.
    """
    if shards is not None:
        return _with_tied_head(model, shards.each_whole())
    if is_adapted(model):
        return merged_weights(model)  # which names the head as well
    weights = {name: parameter.detach() for name, parameter in model.named_parameters()}
    head = model.get_output_embeddings()
    for name, module in model.named_modules():
        if module is head:
            weights.setdefault(f"{name}.weight", module.weight.detach())
    return weights.items()


def _with_tied_head(model: PreTrainedModel, weights: Weights) -> Iterator[tuple[str, Tensor]]:
    """Weights of a model, which may be nowhere itself, and those of its head under the head's own name as well."""
    head = model.get_output_embeddings()
    [own] = [f"{name}.weight" for name, module in model.named_modules() if module is head]
    [listed] = [name for name, parameter in model.named_parameters() if parameter is head.weight]
    for name, value in weights:
        yield name, value
        if name == listed != own:
            yield own, value


def with_head(weights: Weights) -> Iterator[tuple[str, Tensor]]:
    """The weights, and those of the embedding once more as the head where they name no head of its own."""
    names, embedding = set(), None
    for name, value in weights:
        names.add(name)
        embedding = value if name.endswith("embed_tokens.weight") else embedding
        yield name, value
    if embedding is not None and "lm_head.weight" not in names:
        yield "lm_head.weight", embedding
