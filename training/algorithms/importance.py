"""What corrects for a sampler that computes another policy than the trainer: importance weights, and how far they are.

The two differ because their kernels or precisions do, or because the sampler's weights are older. With δ of a token
= log π_trainer - log π_sampler, a token drawn by the sampler counts in the trainer's expectations e^δ times
(importance sampling). Unbounded weights have no bounded variance, so they are cut or masked:

- truncate (TIS; Ionides 2008; Yao et al. 2025, "Your efficient RL framework secretly brings you off-policy RL
  training"):  min(w, cap)
- mask (MIS; IcePop, of Ring-1T, arXiv 2510.18855):  w where floor <= w <= cap, else 0

per token (w = e^δ), or per sequence (w = e^Σδ, the same for all its tokens: unbiased, but of a spread that grows with
the length).
"""

from collections.abc import Iterable
from typing import Literal

import numpy as np
import numpy.typing as npt
from torch import Tensor

Floats = npt.NDArray[np.float32]


def importance_weights(
    trainer: Tensor,
    sampler: Tensor,
    sequences: Tensor,
    level: Literal["token", "sequence"],
    action: Literal["truncate", "mask"],
    *,
    cap: float,
    floor: float = 0.0,
) -> tuple[Tensor, Tensor]:
    """Weights [N] π_trainer / π_sampler within bounds, without a gradient; and where they were bounded, bool [N].

    `trainer` and `sampler` are log-probabilities [N], `sequences` [N] numbers the sequence of each token from 0.
    `floor` counts for `mask` only.
    """
    logs = (trainer - sampler).detach()
    if level == "sequence":
        logs = sequence_sums(logs, sequences)[sequences]
    weights = logs.exp()
    if action == "truncate":
        return weights.clamp(max=cap), weights > cap
    outside = (weights > cap) | (weights < floor)
    return weights.masked_fill(outside, 0.0), outside


def sequence_sums(values: Tensor, sequences: Tensor) -> Tensor:
    """Sums [S] of the tokens' values [N] over each sequence."""
    count = int(sequences.max()) + 1 if sequences.numel() else 0
    return values.new_zeros(count).index_add(0, sequences, values)


def mismatch(gaps: Iterable[Floats]) -> dict[str, float]:
    """How far sampler and trainer are apart, from δ of each token the sampler drew; nothing without tokens.

    Both KL figures estimate KL(sampler‖trainer) in nats a token: k1 is the mean of -δ, unbiased, and may be negative;
    k3 is the mean of e^δ - 1 - δ, unbiased as well, never negative and of less spread (Schulman 2020).
    """
    deltas = np.concatenate([*gaps, np.zeros(0, dtype=np.float32)]).astype(np.float64)
    if not deltas.size:
        return {}
    with np.errstate(over="ignore"):
        ratios = np.exp(deltas)
        k3 = np.expm1(deltas) - deltas
    return {
        "mismatch/kl": float(k3.mean()),
        "mismatch/kl_k1": float(-deltas.mean()),
        "mismatch/ratio_mean": float(ratios.mean()),
        "mismatch/ratio_max": float(ratios.max()),
    }
