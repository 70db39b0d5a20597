"""One clipped policy-gradient loss with its published variants, on packed tokens.

Packed: the N response tokens of all sequences of a batch stand one after another in flat tensors [N]; `sequences` [N]
tells which sequence each belongs to. A batch may be a part (micro-batch, process) of an update: `token_weights` are
computed from the lengths of *all* sequences of the update, so that the losses of the parts simply add up to the loss
of the whole, however it was split.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from training.algorithms.importance import importance_weights, sequence_sums
from training.algorithms.kl import kl_estimate
from training.config import LossConfig, SurrogateConfig


@dataclass(frozen=True, slots=True, eq=False)
class LossInputs:
    """Tokens of whole sequences. All tensors are [N]; only `logprobs` carries a gradient."""

    logprobs: Tensor
    """log π_θ of each token, now."""
    old_logprobs: Tensor
    """log π_old, under the policy the update started from."""
    advantages: Tensor
    sequences: Tensor
    """int64, 0 .. S-1: the sequence each token belongs to."""
    weights: Tensor
    """What each token's loss counts, from `token_weights`."""
    reference_logprobs: Tensor | None = None
    """log π_ref; needed when the KL coefficient is not 0."""
    sampler_logprobs: Tensor | None = None
    """Log-probabilities as the sampler reported them; needed for importance weights."""
    corrected: Tensor | None = None
    """bool: tokens that an older policy drew, whose importance weights count whatever the config says."""
    cached: Tensor | None = None
    """bool: tokens that this policy did not draw; unless they are to be corrected, their weight is 1."""


@dataclass(frozen=True, slots=True, eq=False)
class LossOutputs:
    """The loss to differentiate, and what each token contributed (detached, [N])."""

    loss: Tensor
    """Scalar: this batch's share of the loss of the update."""
    ratios: Tensor
    """π_θ / π_old at the level the config asks for."""
    clipped_low: Tensor
    """bool: the lower clip removed the token's gradient."""
    clipped_high: Tensor
    """bool: the upper clip or the dual clip removed the token's gradient."""
    kl: Tensor | None
    """Per-token estimate of KL(policy‖reference)."""
    bounded: Tensor | None = None
    """bool: the importance weight was cut or masked; None where tokens have none."""


def token_weights(lengths: Sequence[int], aggregation: str, max_tokens: int) -> list[float]:
    """What one token of each sequence counts in the loss of an update, given the lengths of all its S sequences.

    `token_mean` (DAPO): 1 / Σ|o|.  `seq_mean_token_mean` (GRPO): 1 / (S·|o|).
    `sum_norm` (Dr. GRPO): 1 / (S·max_tokens).
    """
    count, total = len(lengths), sum(lengths)
    if aggregation == "token_mean":
        return [1 / max(total, 1)] * count
    if aggregation == "seq_mean_token_mean":
        return [1 / (count * max(length, 1)) for length in lengths]
    return [1 / (count * max_tokens)] * count


def policy_loss(inputs: LossInputs, config: SurrogateConfig) -> LossOutputs:
    """The loss Σ weight · (importance · surrogate + β·KL), to be minimised; a `SurrogateConfig` alone has no KL.

    clip (PPO, GRPO):  -min(ρA, clip(ρ, 1-ε_low, 1+ε_high)A), for A < 0 at most c·|A| when `dual_clip` = c is set.
    cispo (arXiv 2506.13585):  -sg[clip(ρ, 1-ε_low, 1+ε_high)]·A·log π. The bounds are relative to 1, as in the paper;
    a `clip_low` of 1 or more leaves the lower one out.
    """
    ratios = _ratios(inputs, config.ratio)
    clipped_ratios = ratios.clamp(1 - config.clip_low, 1 + config.clip_high)
    advantages = inputs.advantages
    above, below = ratios > 1 + config.clip_high, ratios < 1 - config.clip_low
    if config.surrogate == "cispo":
        losses = -clipped_ratios.detach() * advantages * inputs.logprobs
        clipped_low = clipped_high = torch.zeros_like(above)  # a clipped weight still passes its gradient on
    else:
        losses = torch.maximum(-ratios * advantages, -clipped_ratios * advantages)
        clipped_low, clipped_high = below & (advantages < 0), above & (advantages > 0)
        if config.dual_clip is not None:
            beyond = (ratios > config.dual_clip) & (advantages < 0)
            losses = torch.where(beyond, -config.dual_clip * advantages, losses)
            clipped_high = clipped_high | beyond
    weights, bounded = _importance(inputs, config)
    if weights is not None:
        losses = losses * weights
    kl = None
    if isinstance(config, LossConfig) and config.kl_coefficient > 0:
        kl = kl_estimate(inputs.logprobs, _required(inputs.reference_logprobs, "reference"), config.kl_estimator)
        losses = losses + config.kl_coefficient * kl
    loss = (inputs.weights * losses).sum()
    return LossOutputs(loss, ratios.detach(), clipped_low, clipped_high, None if kl is None else kl.detach(), bounded)


def _importance(inputs: LossInputs, config: SurrogateConfig) -> tuple[Tensor | None, Tensor | None]:
    """Importance weights [N] and where they are bounded, as the config asks for them; None where it asks for none.

    Tokens of an older policy may ask for weights of their own, and tokens that this policy did not draw have none.
    """
    if config.importance != "none":
        weights, bounded = _weights(inputs, config.importance, config)
        if inputs.cached is None:
            return weights, bounded
        corrected = torch.zeros_like(bounded) if inputs.corrected is None else inputs.corrected
        exempt = inputs.cached & ~corrected
        return torch.where(exempt, 1.0, weights), bounded & ~exempt
    if inputs.corrected is None:
        return None, None
    weights, _ = _weights(inputs, "token_truncate", config)
    return torch.where(inputs.corrected, weights, 1.0), None


def _weights(inputs: LossInputs, importance: str, config: SurrogateConfig) -> tuple[Tensor, Tensor]:
    sampled = _required(inputs.sampler_logprobs, "sampler")
    level: Any
    action: Any
    level, action = importance.split("_")
    bounds = {"cap": config.importance_cap, "floor": config.importance_floor}
    return importance_weights(inputs.old_logprobs, sampled, inputs.sequences, level, action, **bounds)


def negative_log_likelihood(logprobs: Tensor, weights: Tensor) -> Tensor:
    """Σ weight · (-log π): supervised fine-tuning's loss, summed like `policy_loss`."""
    return -(weights * logprobs).sum()


def _ratios(inputs: LossInputs, level: str) -> Tensor:
    """π_θ / π_old of each token; or of its sequence, as a geometric mean over the tokens (GSPO, arXiv 2507.18071).

    `sequence_token` (GSPO-token) has the value of `sequence`, but each token's gradient flows through the token alone.
    """
    log_ratios = inputs.logprobs - inputs.old_logprobs
    if level == "token":
        return log_ratios.exp()
    lengths = sequence_sums(torch.ones_like(log_ratios), inputs.sequences)
    means = sequence_sums(log_ratios, inputs.sequences) / lengths.clamp(min=1)
    if level == "sequence":
        return means.exp()[inputs.sequences]
    own = (inputs.logprobs - inputs.logprobs.detach()).exp()
    return means.detach().exp()[inputs.sequences] * own


def _required(logprobs: Tensor | None, of: str) -> Tensor:
    if logprobs is None:
        raise ValueError(f"this loss needs the log-probabilities of the {of}")
    return logprobs
