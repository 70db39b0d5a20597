"""What becomes of a reward model's outputs: several heads made one, compared with the reference's, cut."""

from typing import Literal

import torch
from torch import Tensor

Heads = Literal["mean", "min", "conservative"]


def combined(rewards: Tensor, heads: Heads) -> Tensor:
    """One reward [B] from those of H heads [B, H].

    mean: what they say together.  min: the least of them (worst-case optimisation, arXiv 2310.02743).
    conservative: their mean less their standard deviation, so that what they disagree about pays less.
    """
    if heads == "mean":
        return rewards.mean(dim=1)
    if heads == "min":
        return rewards.amin(dim=1)
    return rewards.mean(dim=1) - spread(rewards)


def spread(rewards: Tensor) -> Tensor:
    """Standard deviation [B] over the heads [B, H], with H degrees of freedom: 0 for a single head."""
    return rewards.std(dim=1, correction=0)


def relative(rewards: Tensor, reference: Tensor) -> Tensor:
    """Preference as reward (PAR, arXiv 2502.18770) [B]: the probability sigmoid(r - r_ref) that the response is
    preferred to the reference's, whose rewards are `reference` [B]. It is bounded, and rises slower the better a
    response is already."""
    return torch.sigmoid(rewards - reference)


def cut(rewards: Tensor, bound: float) -> Tensor:
    """Rewards within ± `bound`; 0 leaves them."""
    return rewards.clamp(-bound, bound) if bound else rewards
