"""What proximal policy optimisation learns from when a critic judges every token: rewards, advantages, values.

Packed: the N response tokens of S sequences stand one sequence after another in flat tensors [N]; `sequences` [N] tells
which sequence each belongs to, 0 .. S-1 in rising order, none without a token.
"""

import torch
from torch import Tensor

from training.algorithms.kl import KlEstimator, kl_estimate

WHITEN_EPSILON = 1e-8
"""Added to the variance, so that equal values become 0 and not a division by zero."""


def token_rewards(
    logprobs: Tensor,
    reference_logprobs: Tensor,
    scores: Tensor,
    sequences: Tensor,
    beta: float,
    *,
    estimator: KlEstimator = "k1",
    unfinished: Tensor | None = None,
    missing_end_penalty: float = 0.0,
) -> Tensor:
    """Reward of each token [N]: -β times its estimate of KL(policy‖reference), and the score [S] on the last. Detached.

    `unfinished` bool [S] marks sequences that did not come to an end of their own; `missing_end_penalty` is taken off
    their scores. With k1 a token that the reference finds likelier than the policy does is paid for; with k3 never.
    Raises ValueError for scores that are not one a sequence, and for a penalty without knowing whom to charge.
    """
    if missing_end_penalty and unfinished is None:
        raise ValueError("a penalty for missing ends needs to know which sequences are unfinished")
    ends = _lengths(sequences, len(scores)).cumsum(0) - 1
    scores = scores.detach().to(logprobs.dtype)
    if unfinished is not None:
        scores = scores - missing_end_penalty * unfinished.to(scores.dtype)
    rewards = -beta * kl_estimate(logprobs.detach(), reference_logprobs.detach(), estimator)
    return rewards.index_add(0, ends, scores)


def generalised_advantages(
    rewards: Tensor, values: Tensor, sequences: Tensor, *, discount: float = 1.0, trace: float = 0.95
) -> tuple[Tensor, Tensor]:
    """Advantages and returns [N] of each token (GAE, arXiv 1506.02438). Detached.

    δ_t = r_t + γ V_{t+1} - V_t,  A_t = δ_t + γλ A_{t+1},  return_t = A_t + V_t, where V and A are 0 behind the last
    token of a sequence. γ = `discount`; λ = `trace`: 0 trusts the critic alone, 1 the rewards alone.
    """
    if not len(rewards):
        return torch.zeros_like(rewards), torch.zeros_like(rewards)
    rewards, values = rewards.detach(), values.detach()
    lengths = _lengths(sequences, int(sequences[-1]) + 1)
    starts = lengths.cumsum(0) - lengths
    times = torch.arange(len(rewards), device=rewards.device) - starts[sequences]
    # Time is the first axis, so that each step reads a row. Behind its end a sequence has rewards and values of 0,
    # which give advantages of 0: the recursion needs no mask.
    shape = (int(lengths.max()) + 1, len(lengths))
    padded_values = values.new_zeros(shape).index_put((times, sequences), values)
    deltas = rewards.new_zeros(shape).index_put((times, sequences), rewards)[:-1]
    deltas = deltas + discount * padded_values[1:] - padded_values[:-1]
    advantage, rows = deltas.new_zeros(len(lengths)), []
    for delta in reversed(deltas.unbind(0)):
        advantage = delta + discount * trace * advantage
        rows.append(advantage)
    advantages = torch.stack(rows[::-1])[times, sequences]
    return advantages, advantages + values


def whiten(values: Tensor, *, shift_mean: bool = True, population: bool = False) -> Tensor:
    """Values [N] scaled to a variance of 1, and unless `shift_mean` is off moved to a mean of 0.

    The variance is that of N - 1 degrees of freedom, as in the implementations that followed OpenAI's of 2019, or with
    `population` that of N. A single value has no spread: it becomes 0, or stays.
    """
    if not len(values):
        return values
    mean = values.mean()
    centred = values - mean
    spread = centred.square().sum() / (len(values) if population else max(len(values) - 1, 1))
    whitened = centred * torch.rsqrt(spread + WHITEN_EPSILON)
    return whitened if shift_mean else whitened + mean


def value_loss(
    values: Tensor, old_values: Tensor, returns: Tensor, weights: Tensor, *, clip: float | None = 0.2
) -> tuple[Tensor, Tensor]:
    """The critic's loss Σ weight · ½ max((V - R)², (clip(V, V_old ± ε) - R)²), and which tokens were clipped, bool [N].

    All arguments are [N]; only `values` carries a gradient; `weights` come from `losses.token_weights`. The larger of
    two errors is what counts: clipping can only raise the loss, and takes the gradient of values that went far from
    the old ones already. `clip` = None leaves it out.
    """
    errors = (values - returns).square()
    clipped = torch.zeros_like(errors, dtype=torch.bool)
    if clip is not None:
        near = torch.minimum(torch.maximum(values, old_values - clip), old_values + clip)
        near_errors = (near - returns).square()
        clipped = near_errors.detach() > errors.detach()
        errors = torch.maximum(errors, near_errors)
    return (weights * errors).sum() / 2, clipped


def _lengths(sequences: Tensor, count: int) -> Tensor:
    """Tokens [S] of each sequence; ValueError unless they are packed as the module says, and `count` sequences."""
    lengths = torch.bincount(sequences, minlength=count)
    if len(lengths) != count or bool((lengths == 0).any()) or bool((sequences.diff() < 0).any()):
        raise ValueError(f"the tokens are not those of {count} sequences, one after another and none of them empty")
    return lengths
