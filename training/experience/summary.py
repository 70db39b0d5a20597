"""Figures of a step, from its groups of rollouts. Their meanings stand in `training.events.metrics`."""

from collections.abc import Iterable, Sequence

import numpy as np
import numpy.typing as npt

from training.algorithms.advantages import EQUAL_SPREAD
from training.algorithms.importance import mismatch
from training.experience.learned import LEARNED
from training.experience.types import Floats, Group, Rollout
from training.methods.types import UpdateReport
from training.repetition import repeated_share


def summarise_groups(groups: Sequence[Group], compared: bool = True) -> dict[str, float]:
    """Rewards, lengths and signal of all sampled groups, those that were dropped included.

    `compared` says whether siblings are, so that a group of equal rewards is one without signal.
    A search that stopped before any end has no responses: it counts nowhere; a step of such searches has no figures.
    """
    answered = [group for group in groups if group.rollouts]
    if not answered:
        return {}
    rollouts = [rollout for group in answered for rollout in group.rollouts]
    rewards = np.array([rollout.reward for rollout in rollouts])
    lengths = np.array([len(rollout) for rollout in rollouts])
    equal = [max(group.rewards) - min(group.rewards) <= EQUAL_SPREAD for group in answered if len(group.rollouts) > 1]
    figures = {
        "reward/mean": rewards.mean(),
        "reward/std": rewards.std(),
        "groups/dropped": sum(not group.trained for group in answered),
        "response/length_mean": lengths.mean(),
        "response/length_min": lengths.min(),
        "response/length_max": lengths.max(),
        "response/truncated_share": np.mean([rollout.truncated for rollout in rollouts]),
        "text/repeated_share": repeated_share(r.of_drawn(np.asarray(r.token_ids)) for r in rollouts),
        "policy/entropy": _mean(rollout.of_drawn(rollout.entropies) for rollout in rollouts if not rollout.cached),
    }
    if compared and equal:  # a response without siblings is like or unlike none
        figures["groups/zero_variance_share"] = np.mean(equal)
    figures |= _learned(rollouts, lengths)
    for part in rollouts[0].parts:
        figures[f"reward/{part}"] = np.mean([rollout.parts[part] for rollout in rollouts])
    return {name: float(value) for name, value in figures.items()}


def _learned(rollouts: Sequence[Rollout], lengths: npt.NDArray[np.int64]) -> dict[str, float]:
    """How far the heads of a reward model disagree, and how far it pays for length; nothing without one."""
    heads = [rollout.learned_heads for rollout in rollouts if rollout.learned_heads is not None]
    if len(heads) < len(rollouts):
        return {}
    figures: dict[str, float] = {}
    if len(heads[0]) > 1:
        figures["reward/learned_spread"] = float(np.stack(heads).std(axis=1).mean())
    rewards = np.array([rollout.parts[LEARNED] for rollout in rollouts])
    if rewards.std() > EQUAL_SPREAD and lengths.std() > 0:
        figures["reward/learned_length"] = float(np.corrcoef(rewards, lengths)[0, 1])
    return figures


def summarise_updates(groups: Sequence[Group], reports: Sequence[UpdateReport]) -> dict[str, float]:
    """Loss and policy figures of the updates of a step; shares count all tokens that were to be trained on."""
    trained = [rollout for group in groups if group.trained for rollout in group.learned]
    run = [rollout for rollout in trained if rollout.ratios is not None]
    tokens = max(sum(rollout.drawn for rollout in trained), 1)
    gaps = [
        rollout.of_drawn(rollout.logprobs - rollout.sampler_logprobs)
        for rollout in run
        if rollout.logprobs is not None and not rollout.cached
    ]
    figures: dict[str, float] = {
        "policy/clip_low_share": _count(run, 1) / tokens,
        "policy/clip_high_share": _count(run, 2) / tokens,
        "policy/ratio_max": max(
            (float(rollout.ratios.max()) for rollout in run if rollout.ratios is not None), default=1.0
        ),
        "policy/sampler_gap": _mean(np.abs(gap) for gap in gaps),
    }
    figures |= mismatch(gaps)
    if bounded := [rollout.of_drawn(rollout.bounded) for rollout in run if rollout.bounded is not None]:
        figures["mismatch/bounded_share"] = float(np.concatenate(bounded).mean())
    if any(rollout.kl is not None for rollout in run):
        figures["policy/kl"] = _mean(rollout.of_drawn(rollout.kl) for rollout in run if rollout.kl is not None)
    left = [_left(rollout) for rollout in run if not rollout.cached]
    if known := [nats for nats in left if nats is not None]:
        figures["kl/sequence"] = float(np.mean(known))
    if reports:
        figures["optim/loss"] = float(np.mean([report.loss for report in reports]))
        figures["optim/grad_norm"] = float(np.mean([report.grad_norm for report in reports]))
        figures["optim/learning_rate"] = reports[-1].learning_rate
    return figures


def summarise_staleness(groups: Sequence[Group], step: int, updates_a_step: int) -> dict[str, float]:
    """By how many updates the weights that sampled what `step` learns from were behind; nothing without any."""
    behind = [
        (step - 1 - (group.weights_version if rollout.weights_version is None else rollout.weights_version))
        * updates_a_step
        for group in groups
        if group.trained
        for rollout in group.learned
    ]
    return {"staleness/mean": float(np.mean(behind)), "staleness/max": float(max(behind))} if behind else {}


def _left(rollout: Rollout) -> float | None:
    """How far the policy has left the reference on this response: Σ log π_old - log π_ref, in nats."""
    if rollout.logprobs is None or rollout.reference_logprobs is None:
        return None
    return float(rollout.of_drawn(rollout.logprobs - rollout.reference_logprobs).sum(dtype=np.float64))


def _count(rollouts: Iterable[Rollout], clip: int) -> int:
    return sum(int((rollout.clipped == clip).sum()) for rollout in rollouts if rollout.clipped is not None)


def _mean(arrays: Iterable[Floats]) -> float:
    """Mean over the tokens of all arrays."""
    joined = np.concatenate([*arrays, np.zeros(0, dtype=np.float32)])
    return float(joined.mean()) if joined.size else 0.0
