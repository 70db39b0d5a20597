"""Advantages: how much better a response was than expected."""

from typing import Literal

import torch
from torch import Tensor

AdvantageScale = Literal["sample", "population", "none"]

EQUAL_SPREAD = 1e-8
"""Rewards that differ by less are equal; what is left between them is rounding."""


def group_advantages(rewards: Tensor, scale: AdvantageScale) -> Tensor:
    """Rewards [..., G] relative to the G siblings of each group: float64 [..., G].

    A_i = (r_i - mean r) / std r (GRPO, arXiv 2402.03300), where the papers do not say which standard deviation:
    `sample` divides by that of G - 1 degrees of freedom, as all large implementations do, `population` by that of G.
    `none` only subtracts the mean (Dr. GRPO, arXiv 2503.20783). A group of equal rewards gets exactly 0.
    """
    rewards = rewards.to(torch.float64)
    centred = rewards - rewards.mean(dim=-1, keepdim=True)
    if scale != "none":
        deviation = rewards.std(dim=-1, correction=1 if scale == "sample" else 0, keepdim=True)
        centred = centred / deviation
    return centred.masked_fill(equal_rewards(rewards).unsqueeze(-1), 0.0)


def equal_rewards(rewards: Tensor) -> Tensor:
    """Whether the rewards [..., G] of each group are all equal, so that the group teaches nothing: bool [...]."""
    return rewards.amax(dim=-1) - rewards.amin(dim=-1) <= EQUAL_SPREAD
