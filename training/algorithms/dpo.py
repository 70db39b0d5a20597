"""Direct preference optimisation: learning from pairs of responses without a reward model (arXiv 2305.18290).

A policy's own log-ratio to its reference is taken for a reward, r = β (log π - log π_ref), and trained like one. With
h = log-ratio of the chosen response minus that of the rejected one, every loss here is a function of h alone.
"""

from typing import Literal

import torch
from torch import Tensor
from torch.nn.functional import logsigmoid

DpoLoss = Literal["sigmoid", "conservative", "robust", "hinge", "ipo"]


def sequence_log_ratios(
    logprobs: Tensor, reference_logprobs: Tensor, sequences: Tensor, count: int, *, mean: bool = False
) -> Tensor:
    """log π - log π_ref of whole sequences [count], from packed tokens [N]; `sequences` [N] tells which is whose.

    `mean` divides by the length, as some implementations do for IPO; the papers' losses are on sums.
    """
    ratios = logprobs - reference_logprobs
    sums = ratios.new_zeros(count).index_add(0, sequences, ratios)
    return sums / torch.bincount(sequences, minlength=count).clamp(min=1) if mean else sums


def dpo_losses(
    chosen: Tensor, rejected: Tensor, beta: float, loss: DpoLoss = "sigmoid", smoothing: float = 0.0
) -> Tensor:
    """Loss of each pair, [P], from the log-ratios [P] of its two responses.

    sigmoid:  -log σ(βh).
    conservative (cDPO; Mitchell, 2023):  -(1-ε) log σ(βh) - ε log σ(-βh), for labels of which a share ε is wrong.
    robust (arXiv 2403.00409):  (-(1-ε) log σ(βh) + ε log σ(-βh)) / (1-2ε), unbiased under such labels.
    hinge (SLiC, arXiv 2305.10425):  max(0, 1 - βh).
    ipo (arXiv 2310.12036):  (h - 1/(2β))², which wants h no larger than that.

    ε = `smoothing` is below 1/2. Raises ValueError for one that the loss does not use, rather than to pass it over.
    """
    if beta <= 0:
        raise ValueError(f"beta is to be above 0, got {beta}")
    if not 0 <= smoothing < 0.5:
        raise ValueError(f"smoothing is a share of wrong labels from 0 to below 0.5, got {smoothing}")
    if smoothing and loss not in ("conservative", "robust"):
        raise ValueError(f"the loss {loss!r} has no smoothing; choose 'conservative' or 'robust'")
    difference = chosen - rejected
    if loss == "ipo":
        return (difference - 1 / (2 * beta)).square()
    scaled = beta * difference
    if loss == "hinge":
        return (1 - scaled).clamp(min=0)
    right, wrong = -logsigmoid(scaled), -logsigmoid(-scaled)
    if loss == "conservative":
        return (1 - smoothing) * right + smoothing * wrong
    if loss == "robust":
        return ((1 - smoothing) * right - smoothing * wrong) / (1 - 2 * smoothing)
    return right


def implicit_rewards(log_ratios: Tensor, beta: float) -> Tensor:
    """β (log π - log π_ref): the reward that the policy is optimal for, up to a constant of the prompt. Detached."""
    return beta * log_ratios.detach()


def gradient_weights(chosen: Tensor, rejected: Tensor, beta: float) -> Tensor:
    """σ(r_rejected - r_chosen) of each pair [P]: how much the sigmoid loss still learns from it. Detached.

    Near 1 the implicit rewards order the pair wrongly, near 0 the pair is learned.
    """
    return torch.sigmoid(implicit_rewards(rejected, beta) - implicit_rewards(chosen, beta))
