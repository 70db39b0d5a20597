"""Estimators of KL(policy‖reference) from one sample a token (Schulman, "Approximating KL divergence", 2020)."""

from typing import Literal

import torch
from torch import Tensor

KlEstimator = Literal["k1", "k2", "k3"]


def kl_estimate(logprobs: Tensor, reference_logprobs: Tensor, estimator: KlEstimator) -> Tensor:
    """Per-token estimate of KL(policy‖reference) in nats, of the shape of its arguments.

    With δ = log π_ref - log π:  k1 = -δ is unbiased, of high variance and may be negative;  k2 = δ²/2 is biased and
    never negative;  k3 = e^δ - δ - 1 is unbiased and never negative (GRPO's Eq. 4).

    Used as a loss on samples of the policy itself, only k2's gradient is that of the true KL in expectation; the
    expected gradient of k1 is zero, and that of k3 is the other direction's, KL(reference‖policy).
    """
    delta = reference_logprobs - logprobs
    if estimator == "k1":
        return -delta
    if estimator == "k2":
        return delta.square() / 2
    return torch.expm1(delta) - delta
