"""One call of the torch engine, a step at a time: prompts enter as places become free, all live rows step together."""

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import islice

import torch
from transformers import PreTrainedModel

from training.sampling.batch import Batch
from training.sampling.forward import Forward, cached_layers, forward_for
from training.sampling.kv_cache import SPARE_COLUMNS, KVCache
from training.sampling.prefill import Prefilled, Prompt, look_up, next_pass, prefill
from training.sampling.prefix_cache import PrefixCache
from training.sampling.requests import Sample
from training.sampling.row_cache import RowCache
from training.sampling.shared_cache import MOST_SIBLINGS, SharedCache
from training.sampling.types import Completion, EngineCounters

Finished = list[tuple[Sample, Completion]]


@dataclass(frozen=True, slots=True)
class Capacity:
    """How much may be in flight at once: rows, and bytes of their keys and values."""

    max_rows: int
    kv_bytes: int

    def rows_for(self, longest: int, samples: int, bytes_per_token: int) -> int:
        """Rows to make room for, of `longest` tokens each. Raises ValueError when not even one fits."""
        row_bytes = longest * bytes_per_token
        if row_bytes > self.kv_bytes:
            raise ValueError(
                f"the longest sample needs {row_bytes / 2**20:.0f} MiB for its keys and values, but the engine may use "
                f"{self.kv_bytes / 2**20:.0f} MiB; lower max_tokens or raise kv_bytes"
            )
        return min(samples, self.max_rows, self.kv_bytes // row_bytes)


class Decoding:
    """Prompts that wait, prompts that are prefilled, and the rows being decoded; kinds of sessions fill it."""

    def __init__(
        self,
        model: PreTrainedModel,
        waiting: dict[Prompt, list[Sample]],
        forward: Forward,
        batch: Batch,
        prefixes: PrefixCache,
        counters: EngineCounters,
    ) -> None:
        self._model = model
        self._prefixes = prefixes
        self._counters = counters
        self._waiting = waiting
        self._prefilled: Prefilled | None = None
        self._ready: deque[tuple[Sample, int]] = deque()
        self._forward = forward
        self._batch = batch

    @property
    def is_done(self) -> bool:
        """Whether every sample has been returned."""
        return not (len(self._batch) or self._ready or self._waiting)

    @torch.inference_mode()
    def advance(self) -> Finished:
        """Do the next piece of work; returns the samples it finished, often none."""
        self._fill()
        finished = self._batch.leave(self._prefixes)
        if not finished:
            self._counters.decode_steps += 1
            self._counters.decode_rows += len(self._batch)
            self._batch.step(self._forward)
        return finished

    @torch.inference_mode()
    def abort(self) -> Finished:
        """End every sample with the tokens it has."""
        unstarted = [sample for sample, _ in self._ready] + [
            sample for group in self._waiting.values() for sample in group
        ]
        self._ready.clear()
        self._waiting.clear()
        started = self._batch.leave(self._prefixes, abort=True)
        return started + [(sample, self._batch.empty_completion()) for sample in unstarted]

    def _fill(self) -> None:
        while self._batch.free and (self._ready or self._waiting):
            if not self._ready:
                self._prefill_next()
            entering = [self._ready.popleft() for _ in range(min(self._batch.free, len(self._ready)))]
            samples, prompt_rows = zip(*entering, strict=True)
            assert self._prefilled is not None
            self._batch.enter(samples, self._prefilled, prompt_rows)
            self._note_entered(samples)
            if not self._ready:
                self._prefilled = None

    def _note_entered(self, samples: Sequence[Sample]) -> None:
        """Nothing, unless somebody wants to know."""

    def _prefill_next(self) -> None:
        """Prefill as many prompts as the free places have use for, or those of them that lack most."""
        wanted = samples = 0
        for group in self._waiting.values():
            if samples >= self._batch.free:
                break
            samples += len(group)
            wanted += 1
        # Looked up anew: since the call began, other prompts have left their states and have taken memory.
        lookups = next_pass(look_up(islice(self._waiting, wanted), self._prefixes))
        width = max(len(each.prompt) for each in lookups)
        cache = new_cache(self._model, self._forward, len(lookups), width, longest=width)
        self._prefilled = prefill(lookups, self._forward, cache, self._prefixes, self._counters)
        for row, each in enumerate(lookups):
            self._ready.extend((sample, row) for sample in self._waiting.pop(each.prompt))


class Session(Decoding):
    """Draws `samples`, all known when it begins, with the weights that `model` has now."""

    def __init__(
        self,
        model: PreTrainedModel,
        samples: Sequence[Sample],
        capacity: Capacity,
        prefixes: PrefixCache,
        counters: EngineCounters,
        version: int,
    ) -> None:
        waiting = _by_prompt(samples, prefixes)
        forward = forward_for(model, max(sample.longest for sample in samples))
        rows = _row_cache(model, forward, samples, waiting, capacity)
        batch = Batch(rows, [sample.params for sample in samples], version)
        super().__init__(model, waiting, forward, batch, prefixes, counters)
        counters.prefill_tokens_requested += sum(len(sample.prompt) for sample in samples)


def _row_cache(
    model: PreTrainedModel,
    forward: Forward,
    samples: Sequence[Sample],
    waiting: dict[Prompt, list[Sample]],
    capacity: Capacity,
) -> RowCache:
    """Room for all samples, or as many as the capacity allows."""
    prompt = max(len(sample.prompt) for sample in samples)
    token_bytes = bytes_per_token(model)
    if not forward.shares_prompts:
        longest = max(sample.longest for sample in samples)
        rows = capacity.rows_for(longest, len(samples), token_bytes)
        return new_cache(model, forward, rows, prompt + SPARE_COLUMNS, longest)
    answer = max(sample.params.max_tokens for sample in samples)
    # No more than if every row had a prompt of its own.
    rows = capacity.rows_for(prompt + answer, len(samples), token_bytes)
    sections = sum(-(-len(group) // MOST_SIBLINGS) for group in waiting.values())
    return SharedCache(
        new_cache(model, forward, min(rows, sections), prompt, prompt),
        new_cache(model, forward, rows, min(answer, SPARE_COLUMNS), answer),
    )


def new_cache(model: PreTrainedModel, forward: Forward, rows: int, columns: int, longest: int) -> KVCache:
    """An empty cache for the model's states."""
    layers = cached_layers(model)
    return KVCache(rows, layers, columns, longest, model.device, model.dtype, uniform=forward.uniform)


def _by_prompt(samples: Sequence[Sample], prefixes: PrefixCache) -> dict[Prompt, list[Sample]]:
    """Samples grouped by prompt, in the order of `look_up`, so that prompts prefilled together lack similar lengths."""
    groups: dict[Prompt, list[Sample]] = {}
    for sample in samples:
        groups.setdefault(sample.prompt, []).append(sample)
    return {each.prompt: groups[each.prompt] for each in look_up(groups, prefixes)}


def bytes_per_token(model: PreTrainedModel) -> int:
    """Memory of the keys and values of one token in all layers."""
    config = model.config.get_text_config()
    heads = getattr(config, "num_key_value_heads", None) or config.num_attention_heads
    size = getattr(config, "head_dim", None) or config.hidden_size // config.num_attention_heads
    return 2 * int(config.num_hidden_layers) * int(heads) * int(size) * int(model.dtype.itemsize)
