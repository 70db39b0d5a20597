"""Runs prompts through the model: several at a time, and only the part that no earlier sequence has left in memory."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from training.sampling.forward import Forward
from training.sampling.kv_cache import KVCache
from training.sampling.prefix_cache import PrefixCache
from training.sampling.row_cache import Part
from training.sampling.types import EngineCounters

PREFILL_POSITIONS = 8192
"""Most positions (rows x columns) of one pass; bounds the memory of its activations and of its mask."""

MOST_TIMES = 2
"""A prompt joins a pass in which it computes at most this many times the tokens it lacks.

All rows of a pass compute equally many columns. This bounds what is computed again by what is new, and the passes by
the logarithm of the longest prompt.
"""

Prompt = tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Lookup:
    """A prompt, and what is in memory of its beginning."""

    prompt: Prompt
    parts: list[Part]

    @property
    def known(self) -> int:
        """Tokens in memory, fewer than the prompt has."""
        return sum(part.count for part in self.parts)

    @property
    def lacking(self) -> int:
        """Tokens to compute, at least 1."""
        return len(self.prompt) - self.known


@dataclass(frozen=True, slots=True)
class Prefilled:
    """States of m prompts, each ending at the cache's last column, and the logits [m, vocabulary] that follow them."""

    cache: KVCache
    logits: Tensor


def look_up(prompts: Iterable[Prompt], prefixes: PrefixCache) -> list[Lookup]:
    """What is known of each prompt, the one that lacks most first, then the longest."""
    lookups = [Lookup(prompt, prefixes.find(prompt)) for prompt in prompts]
    return sorted(lookups, key=lambda each: (each.lacking, len(each.prompt)), reverse=True)


def next_pass(lookups: Sequence[Lookup]) -> Sequence[Lookup]:
    """The first of `lookups`, in the order of `look_up`, that should run together; at least one."""
    new, widest = lookups[0].lacking, 0
    for count, each in enumerate(lookups):
        length = len(each.prompt)
        widest = max(widest, length)
        too_large = widest * (count + 1) > PREFILL_POSITIONS
        if count and (too_large or min(length, new) > MOST_TIMES * each.lacking):
            return lookups[:count]
    return lookups


def prefill(
    lookups: Sequence[Lookup], forward: Forward, cache: KVCache, prefixes: PrefixCache, counters: EngineCounters
) -> Prefilled:
    """Fill `cache`, an empty one with a row for each prompt and the columns of the longest."""
    prompts, width = [each.prompt for each in lookups], cache.columns
    cache.open_rows([len(prompt) for prompt in prompts])
    paste_known(lookups, cache)
    # Every row computes as many last columns as the row that lacks most; the others compute a few again.
    new = max(each.lacking for each in lookups)
    ids = torch.tensor([[0] * (width - len(prompt)) + list(prompt) for prompt in prompts])[:, -new:]
    starts = torch.tensor([[width - len(prompt)] for prompt in prompts])
    positions = (torch.arange(width - new, width) - starts).clamp_(min=0)
    device = cache.bias.device
    logits = forward(ids.to(device), positions.to(device), cache.window(new))
    computed = sum(min(len(prompt), new) for prompt in prompts)
    unseen = sum(prefixes.keep(prompt, cache, row) for row, prompt in enumerate(prompts))
    counters.prefill_tokens_computed += computed
    counters.prefill_tokens_recomputed += computed - unseen
    return Prefilled(cache, logits)


def paste_known(lookups: Sequence[Lookup], cache: KVCache) -> None:
    """Write what is known of each prompt to its row of `cache`, whose rows end at the last column."""
    parts = [part for each in lookups for part in each.parts]
    if not parts:
        return
    starts = torch.tensor([[cache.columns - len(each.prompt)] for each in lookups])
    known = torch.tensor([[each.known] for each in lookups])
    columns = torch.arange(cache.columns)
    # Row by row, and from left to right in each, as the parts lie.
    places = ((columns >= starts) & (columns < starts + known)).nonzero().to(cache.bias.device)
    cache.paste_states(parts, places[:, 0], places[:, 1])
