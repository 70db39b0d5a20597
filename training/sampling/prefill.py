"""Runs prompts through the model: several at a time, and only the part that no earlier sequence has left in memory."""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from training.sampling.forward import Forward
from training.sampling.kv_cache import KVCache
from training.sampling.prefix_cache import BLOCK, PrefixCache
from training.sampling.types import EngineCounters

PREFILL_POSITIONS = 8192
"""Most positions (rows x columns) of one pass; bounds the memory of its activations and of its mask."""

Prompt = tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Prefilled:
    """States of m prompts, each ending at the cache's last column, and the logits [m, vocabulary] that follow them."""

    cache: KVCache
    logits: Tensor


def batch_size(prompts: Sequence[Prompt], most: int) -> int:
    """How many of the first prompts to prefill in one pass: 1 to `most`, within `PREFILL_POSITIONS`."""
    widest = 0
    for count, prompt in enumerate(prompts[:most]):
        widest = max(widest, len(prompt))
        if count and widest * (count + 1) > PREFILL_POSITIONS:
            return count
    return min(most, len(prompts))


def prefill(
    prompts: Sequence[Prompt], forward: Forward, cache: KVCache, prefixes: PrefixCache, counters: EngineCounters
) -> Prefilled:
    """Fill `cache`, an empty one with a row for each prompt and the columns of the longest."""
    width = cache.columns
    kept = [prefixes.find(prompt) for prompt in prompts]
    cache.open_rows([len(prompt) for prompt in prompts])
    for row, (prompt, blocks) in enumerate(zip(prompts, kept, strict=True)):
        for index, block in enumerate(blocks):
            cache.paste_states(row, width - len(prompt) + index * BLOCK, block.states)
    # Every row computes as many last columns as the row that lacks most; the others compute a few again.
    new = max(len(prompt) - len(blocks) * BLOCK for prompt, blocks in zip(prompts, kept, strict=True))
    ids = torch.tensor([[0] * (width - len(prompt)) + list(prompt) for prompt in prompts])[:, -new:]
    starts = torch.tensor([[width - len(prompt)] for prompt in prompts])
    positions = (torch.arange(width - new, width) - starts).clamp_(min=0)
    device = cache.bias.device
    logits = forward(ids.to(device), positions.to(device), cache.window(len(prompts), new))
    counters.prefill_tokens_computed += sum(min(len(prompt), new) for prompt in prompts)
    for row, prompt in enumerate(prompts):
        prefixes.keep(prompt, cache, row, width - len(prompt))
    return Prefilled(cache, logits)
