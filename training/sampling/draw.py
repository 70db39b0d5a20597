"""From logits to tokens: the processed distribution, one draw from it, and what the draw's log-prob and entropy were.

A draw inverts the cumulative distribution at one uniform number per row and step. That number comes from a stream of
the row's own (`uniform_streams`), so what a row draws does not depend on the rows beside it, at the price of one number
where noise for the whole vocabulary would cost as much as a layer of a small model.
"""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

Words = npt.NDArray[np.uint64]
GOLDEN_GAMMA = np.uint64(0x9E3779B97F4A7C15)


class Drawn(NamedTuple):
    """One token for each of B rows: ids int64 [B, 1], log-probs float32 [B, 1], entropies (nats) float32 [B, 1]."""

    tokens: Tensor
    logprobs: Tensor
    entropies: Tensor


def uniform_streams(
    seeds: Sequence[int], prompt_indices: Sequence[int], sample_indices: Sequence[int], count: int
) -> npt.NDArray[np.float64]:
    """First `count` uniforms in [0, 1) of the streams of B samples: float64 [B, count].

    A stream depends on its own three numbers only. SplitMix64 (Steele, Lea and Flood, 2014) from a state that its own
    mixing function spreads over the 64-bit space.
    """
    state = np.zeros(len(seeds), dtype=np.uint64)
    for part in (seeds, prompt_indices, sample_indices):
        state = _mix64(state + np.asarray(part, dtype=np.uint64) + GOLDEN_GAMMA)
    steps = np.arange(1, count + 1, dtype=np.uint64) * GOLDEN_GAMMA
    bits: Words = _mix64(state[:, None] + steps) >> np.uint64(11)
    return bits.astype(np.float64) * 2.0**-53


def _mix64(z: Words) -> Words:
    """SplitMix64's finaliser: every bit of the input changes about half of the bits of the output."""
    z = (z ^ (z >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    z = (z ^ (z >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return z ^ (z >> np.uint64(31))


def draw(
    logits: Tensor,
    uniforms: Tensor,
    temperature: Tensor,
    greedy: Tensor | None = None,
    cut: tuple[Tensor, Tensor] | None = None,
) -> Drawn:
    """Draw one token from each row of `logits` [B, V].

    `uniforms` float64 [B, 1]; `temperature` float32 [B, 1], which must be 1 in greedy rows; `greedy` bool [B, 1] marks
    the rows that take the argmax (None: no row does); `cut` is (top_k int64 [B, 1], 0 for all; top_p float32 [B, 1]).
    """
    # A finite floor in place of -inf: a token of probability 0 then adds 0 to the entropy, not NaN.
    floor = torch.finfo(torch.float32).min
    scaled = (logits.float() / temperature).clamp_(min=floor)
    if cut is not None:
        scaled.masked_fill_(~kept_tokens(scaled, *cut), floor)
    log_probs = torch.log_softmax(scaled, dim=-1)
    probs = log_probs.exp()
    cumulative = probs.cumsum(-1, dtype=torch.float64)
    tokens = torch.searchsorted(cumulative, uniforms * cumulative[:, -1:], right=True)
    tokens.clamp_(max=logits.shape[-1] - 1)
    if greedy is not None:
        tokens = torch.where(greedy, logits.argmax(-1, keepdim=True), tokens)
    entropies = probs.mul_(log_probs).sum(-1, keepdim=True).neg_()
    return Drawn(tokens, log_probs.gather(1, tokens), entropies)


def kept_tokens(scaled: Tensor, top_k: Tensor, top_p: Tensor) -> Tensor:
    """Mask bool [B, V] of the tokens that stay: of the `top_k` largest the fewest whose probability is >= `top_p`.

    The most likely token always stays.
    """
    ordered, order = scaled.sort(dim=-1, descending=True, stable=True)
    rank = torch.arange(scaled.shape[-1], device=scaled.device)
    beyond_k = (top_k > 0) & (rank >= top_k)
    probs = torch.softmax(ordered.masked_fill(beyond_k, -torch.inf), dim=-1, dtype=torch.float64)
    mass_before = probs.cumsum(-1) - probs
    kept = ~beyond_k & ((mass_before < top_p) | (rank == 0))
    # top_p = 1 keeps all; rounding of the sum must not drop the tail.
    kept |= (top_p >= 1.0) & ~beyond_k
    return torch.zeros_like(kept).scatter_(1, order, kept)
