"""One call of a vLLM engine: samples wait for a place, decode elsewhere token by token, and are put together here."""

import itertools
import logging
import math
import time
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import numpy as np

from training.sampling.decoder import Decoder, EngineLostError, Order, Progress
from training.sampling.prefix_cache import PrefixCache
from training.sampling.requests import Sample, check_request
from training.sampling.types import Completion, EngineCounters, FinishReason, SamplingParams
from training.seeds import derive_seed

logger = logging.getLogger("training")

Finished = list[tuple[Sample, Completion]]

MOST_LOSSES = 3
"""Of an engine in one call, until it counts as broken."""

_keys = itertools.count()


@dataclass(slots=True, eq=False)
class Running:
    """A sample that is being decoded, with what it has so far."""

    sample: Sample
    token_ids: list[int] = field(default_factory=list)
    logprobs: list[float] = field(default_factory=list)
    entropies: list[float] = field(default_factory=list)
    counted: bool = False
    """Whether its prompt is in the counters."""

    def completion(self, reason: FinishReason, version: int) -> Completion:
        """What it has, as a completion."""
        logprobs, entropies = np.array(self.logprobs, np.float32), np.array(self.entropies, np.float32)
        return Completion(self.token_ids, logprobs, entropies, reason, version)


class VllmSession:
    """See `Stream`. At most `most` samples are with the decoder at once; the others wait their turn.

    `seen` holds the tokens that were run under the present weights, for the counters. After a loss `come_back` returns
    once the decoder is there again, with its weights, and what is left is drawn anew; where it is None a loss is final.
    """

    def __init__(
        self,
        decoder: Decoder,
        counters: EngineCounters,
        seen: PrefixCache,
        salt: str,
        version: int,
        most: int,
        longest: int,
        come_back: Callable[[], object] | None = None,
    ) -> None:
        self._decoder = decoder
        self._counters = counters
        self._seen = seen
        self._salt = salt
        self._version = version
        self._most = most
        self._longest = longest
        self._come_back = come_back
        self._losses = 0
        self._waiting: deque[Sample] = deque()
        self._running: dict[int, Running] = {}
        self._entered: dict[int, float] = {}

    @property
    def is_done(self) -> bool:
        """See `Stream`."""
        return not (self._waiting or self._running)

    def add(self, ticket: int, prompt: Sequence[int], params: SamplingParams, sample_index: int = 0) -> None:
        """See `Stream`."""
        sample = Sample(tuple(prompt), ticket, sample_index, params)
        check_request(ticket, sample.prompt, params, self._decoder.facts.vocabulary, self._longest)
        self.enter([sample])

    def enter(self, samples: Sequence[Sample]) -> None:
        """Have samples drawn that are known to be possible."""
        self._waiting.extend(samples)
        self._counters.prefill_tokens_requested += sum(len(sample.prompt) for sample in samples)

    def take(self) -> list[tuple[int, Completion]]:
        """See `Stream`. Raises EngineLostError."""
        return [(sample.prompt_index, completion) for sample, completion in self.advance()]

    def end(self) -> list[tuple[int, Completion]]:
        """See `Stream`."""
        return [(sample.prompt_index, completion) for sample, completion in self.abort()]

    def entered_at(self, ticket: int) -> float:
        """See `Stream`."""
        return self._entered.get(ticket, 0.0)

    def drop(self, ids: Sequence[int]) -> None:
        """See `Stream`: vLLM takes the states used longest ago when it needs their memory."""

    def advance(self) -> Finished:
        """Wait a moment for tokens; returns the samples that ended. Raises EngineLostError and FloatingPointError."""
        try:
            while self._waiting and len(self._running) < self._most:
                self._start(self._waiting.popleft())
            told = self._decoder.step() if self._running else []
        except EngineLostError as error:
            self._begin_again(error)
            return []
        self._counters.decode_steps += bool(told)
        return [done for progress in told if (done := self._note(progress)) is not None]

    def abort(self) -> Finished:
        """End every sample with the tokens it has."""
        ended = [(each.sample, each) for each in self._running.values()]
        ended += [(sample, Running(sample)) for sample in self._waiting]
        self.close()
        return [(sample, self._told(each, "abort")) for sample, each in ended]

    def close(self) -> None:
        """Give up what is not finished, if anything."""
        self._waiting.clear()
        keys = list(self._running)
        self._running.clear()
        if keys:
            self._decoder.abort(keys)

    def _start(self, sample: Sample) -> None:
        seed = derive_seed(sample.params.seed, sample.stream, sample.sample_index)
        key = next(_keys)
        self._running[key] = Running(sample)
        self._entered[sample.prompt_index] = time.perf_counter()
        self._decoder.add(Order(key, sample.prompt, sample.params, seed, self._salt))

    def _begin_again(self, error: EngineLostError) -> None:
        """Have drawn anew what is left, by an engine that is back. Raises EngineLostError where it does not come."""
        left = [each.sample for each in self._running.values()] + list(self._waiting)
        self._running.clear()
        self._waiting.clear()
        self._losses += 1
        if self._come_back is None or self._losses > MOST_LOSSES:
            raise error
        logger.warning("%s; %d responses are left, and drawn once it is back", error, len(left))
        self._come_back()
        self._waiting.extend(left)

    def _note(self, progress: Progress) -> tuple[Sample, Completion] | None:
        """Put down what has come of a sample; returns it when it is finished."""
        running = self._running.get(progress.key)
        if running is None:
            return None  # given up in the meantime
        if any(math.isnan(value) for value in progress.logprobs):
            self.close()
            raise FloatingPointError("the model's logits are NaN; its weights or the precision are at fault")
        if progress.cached_tokens is not None and not running.counted:
            running.counted = True
            self._count_prefill(running.sample.prompt, progress.cached_tokens)
        self._counters.decode_rows += len(progress.token_ids) - (not running.token_ids and bool(progress.token_ids))
        running.token_ids += progress.token_ids
        running.logprobs += progress.logprobs
        running.entropies += progress.entropies
        if progress.finish_reason is None:
            return None
        del self._running[progress.key]
        return running.sample, self._told(running, progress.finish_reason)

    def _told(self, running: Running, reason: FinishReason) -> Completion:
        self._counters.tokens_sampled += len(running.token_ids)
        if running.token_ids:
            self._seen.remember((*running.sample.prompt, *running.token_ids[:-1]))
        return running.completion(reason, self._version)

    def _count_prefill(self, prompt: tuple[int, ...], cached: int) -> None:
        computed = max(len(prompt) - cached, 0)  # where it went on elsewhere, its first tokens may be cached as well
        self._counters.prefill_tokens_computed += computed
        self._counters.prefill_tokens_recomputed += max(computed - self._seen.remember(prompt), 0)
