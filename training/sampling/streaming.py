"""A session that samples enter while others decode: a sequence may leave, grow elsewhere, and come back longer.

What a sequence left behind stays in the prefix cache, so that coming back costs only the tokens that are new.
"""

import time
from collections.abc import Sequence

from transformers import PreTrainedModel

from training.sampling.batch import Batch
from training.sampling.forward import forward_for
from training.sampling.kv_cache import SPARE_COLUMNS
from training.sampling.prefix_cache import PrefixCache
from training.sampling.requests import Sample, check_request
from training.sampling.session import Capacity, Decoding, Finished, bytes_per_token, new_cache
from training.sampling.types import Completion, EngineCounters, SamplingParams


class StreamingSession(Decoding):
    """See `Stream`: decodes whatever has been added, up to as many rows at once as `capacity` allows.

    `params` are all kinds of params that will be added, each with the largest `max_tokens` it will have; no sequence
    gets longer than `longest` tokens.
    """

    def __init__(
        self,
        model: PreTrainedModel,
        params: Sequence[SamplingParams],
        longest: int,
        capacity: Capacity,
        prefixes: PrefixCache,
        counters: EngineCounters,
        version: int,
    ) -> None:
        forward = forward_for(model, longest)
        rows = capacity.rows_for(longest, capacity.max_rows, bytes_per_token(model))
        cache = new_cache(model, forward, rows, min(longest, 4 * SPARE_COLUMNS), longest)
        super().__init__(model, {}, forward, Batch(cache, params, version), prefixes, counters)
        self._longest = longest
        self._entered: dict[int, float] = {}

    def add(self, ticket: int, prompt: Sequence[int], params: SamplingParams, sample_index: int = 0) -> None:
        """See `Stream`."""
        vocabulary = self._model.config.get_text_config().vocab_size
        sample = Sample(tuple(prompt), ticket, sample_index, params)
        check_request(ticket, sample.prompt, params, vocabulary, self._longest)
        self._waiting.setdefault(sample.prompt, []).append(sample)
        self._counters.prefill_tokens_requested += len(prompt)

    def take(self) -> list[tuple[int, Completion]]:
        """See `Stream`."""
        return self._told(self.advance()) if not self.is_done else []

    def end(self) -> list[tuple[int, Completion]]:
        """See `Stream`."""
        return self._told(self.abort())

    def entered_at(self, ticket: int) -> float:
        """See `Stream`."""
        return self._entered.get(ticket, 0.0)

    def drop(self, ids: Sequence[int]) -> None:
        """See `Stream`."""
        self._prefixes.drop(ids)

    def _note_entered(self, samples: Sequence[Sample]) -> None:
        now = time.perf_counter()
        for sample in samples:
            self._entered[sample.prompt_index] = now

    def _told(self, finished: Finished) -> list[tuple[int, Completion]]:
        self._counters.tokens_sampled += sum(len(completion.token_ids) for _, completion in finished)
        return [(sample.prompt_index, completion) for sample, completion in finished]
