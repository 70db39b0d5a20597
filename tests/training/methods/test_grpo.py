"""GRPO steps on the built-in model."""

import math
from contextlib import ExitStack
from typing import Any

import numpy as np
import pytest
import torch

from tests.training.methods.parts import WatchedOptimiser, build, flat_gradient
from training.algorithms.losses import LossInputs, policy_loss, token_weights
from training.config import HardSubsetConfig
from training.events import HardSubset
from training.experience.types import Group
from training.methods.grpo import GrpoTraining
from training.methods.hard_subset import is_hard
from training.policy import Policy


def grpo(**options: Any) -> dict[str, Any]:
    sampling = {"prompts_per_step": 8, "samples_per_prompt": 4, "max_tokens": 32}
    return {"kind": "grpo", "sampling": sampling} | options


def first_step(stack: ExitStack, **changes: Any) -> tuple[GrpoTraining, list[Group], dict[str, float], torch.Tensor]:
    """One step: the method, its groups, its figures and the gradient of its first update."""
    parts, method = build(stack, **changes)
    assert isinstance(method, GrpoTraining)
    outcome = method.step(1)
    assert isinstance(parts.optimiser, WatchedOptimiser)
    return method, outcome.groups, outcome.metrics, parts.optimiser.gradients[0]


@pytest.mark.parametrize("aggregation", ["token_mean", "seq_mean_token_mean", "sum_norm"])
def test_a_step_has_the_gradient_of_the_whole_batch_written_out_plainly(aggregation: str) -> None:
    """Against one padded forward over every rollout, those without an advantage included."""
    method = grpo(loss={"aggregation": aggregation})
    with ExitStack() as stack:
        _, groups, metrics, gradient = first_step(stack, method=method, optimisation={"micro_batch_tokens": 128})
        parts, _ = build(stack, method=method)
    rollouts = [rollout for group in groups for rollout in group.rollouts]
    assert 0 < sum(rollout.advantage == 0 for rollout in rollouts) < len(rollouts)
    examples = [example for group in groups for example in group.examples]
    logprobs = Policy(parts.policy.model, packing=False).statistics(examples).logprobs
    lengths = torch.tensor([len(rollout) for rollout in rollouts])
    inputs = LossInputs(
        logprobs,
        logprobs.detach(),
        torch.tensor([rollout.advantage for rollout in rollouts]).repeat_interleave(lengths),
        torch.arange(len(rollouts)).repeat_interleave(lengths),
        torch.tensor(token_weights(lengths.tolist(), aggregation, 32)).repeat_interleave(lengths),
    )
    loss = policy_loss(inputs, parts.config.method.loss).loss  # type: ignore[union-attr]
    loss.backward()
    expected = flat_gradient(list(parts.policy.model.parameters()))
    assert metrics["optim/loss"] == pytest.approx(float(loss.detach()), abs=1e-6)
    assert float((gradient - expected).norm() / expected.norm()) < 1e-5


def test_with_one_update_every_ratio_is_exactly_one() -> None:
    with ExitStack() as stack:
        _, groups, metrics, _ = first_step(stack, method=grpo())
    run = [rollout for group in groups for rollout in group.rollouts if rollout.ratios is not None]
    assert run
    assert all((rollout.ratios == 1).all() for rollout in run)
    assert metrics["policy/ratio_max"] == 1
    assert metrics["policy/sampler_gap"] < 1e-4


def test_in_float32_sampler_and_trainer_are_one_policy_and_in_bfloat16_measurably_not() -> None:
    found = {}
    for dtype in ("float32", "bfloat16"):
        method = grpo(loss={"importance": "token_truncate", "importance_cap": 1.0001})
        with ExitStack() as stack:
            hardware = {"device": "cpu", "threads": 1, "dtype": dtype}
            _, groups, metrics, _ = first_step(stack, method=method, hardware=hardware)
        found[dtype] = metrics
        gaps = [
            float(gap)
            for group in groups
            for rollout in group.learned
            if rollout.logprobs is not None
            for gap in rollout.logprobs - rollout.sampler_logprobs
        ]
        bounded = sum(math.exp(gap) > 1.0001 for gap in gaps) / len(gaps)
        assert metrics["mismatch/bounded_share"] == pytest.approx(bounded, abs=0.02)
        assert metrics["mismatch/kl_k1"] == pytest.approx(-sum(gaps) / len(gaps), abs=1e-6)
    assert found["float32"]["mismatch/kl"] < 1e-8
    assert found["bfloat16"]["mismatch/kl"] > 1e-6
    assert found["float32"]["mismatch/ratio_max"] < 1.001 < found["bfloat16"]["mismatch/ratio_max"]


def test_the_old_policy_may_be_the_sampler_itself() -> None:
    """Then nothing is computed before the first update, and the ratios hold what the two differ by."""
    method = grpo(updates_per_step=2, loss={"old_policy": "sampler"})
    with ExitStack() as stack:
        _, groups, metrics, _ = first_step(stack, method=method, optimisation={"learning_rate": 1e-3})
    run = [rollout for group in groups for rollout in group.rollouts if rollout.ratios is not None]
    assert run
    for rollout in run:
        assert rollout.logprobs is not None
        assert np.exp(rollout.logprobs - rollout.sampler_logprobs) == pytest.approx(rollout.ratios, rel=1e-5)
    assert metrics["policy/ratio_max"] > 1.001


def test_with_several_updates_all_compare_with_the_policy_that_sampled() -> None:
    with ExitStack() as stack:
        _, groups, metrics, _ = first_step(stack, method=grpo(updates_per_step=2), optimisation={"learning_rate": 1e-3})
    first, second = groups[:4], groups[4:]
    ratios = [[r.ratios for g in part for r in g.rollouts if r.ratios is not None] for part in (first, second)]
    assert all((array == 1).all() for array in ratios[0] if array is not None)
    assert any((array != 1).any() for array in ratios[1] if array is not None)
    for rollout in (r for group in groups for r in group.rollouts if r.logprobs is not None):
        assert abs(rollout.logprobs - rollout.sampler_logprobs).max() < 1e-3
    assert metrics["policy/ratio_max"] > 1


def test_dynamic_sampling_replaces_groups_without_signal() -> None:
    method = grpo(dynamic_sampling={"enabled": True, "max_rounds": 3})
    with ExitStack() as stack:
        _, groups, metrics, _ = first_step(stack, method=method)
    trained = [group for group in groups if group.trained]
    dropped = [group for group in groups if not group.trained]
    assert dropped
    assert len(trained) <= 8
    assert all(len(set(group.rewards)) == 1 for group in dropped)
    assert all(len(set(group.rewards)) > 1 for group in trained)
    assert len({group.problem.id for group in groups}) == len(groups)
    assert metrics["groups/dropped"] == len(dropped)


def test_rewards_are_the_weighted_sum_of_their_parts() -> None:
    reward = {"accuracy": 2.0, "format": 0.5, "overlong_buffer": 8}
    with ExitStack() as stack:
        _, groups, metrics, _ = first_step(stack, method=grpo(reward=reward))
    rollouts = [rollout for group in groups for rollout in group.rollouts]
    for rollout in rollouts:
        parts = rollout.parts
        assert rollout.reward == pytest.approx(2 * parts["accuracy"] + 0.5 * parts["format"] + parts["overlong"])
        assert parts["accuracy"] == float(rollout.correct is True)
        assert parts["overlong"] == pytest.approx(-min(max(len(rollout) - 24, 0) / 8, 1))
    assert metrics["reward/mean"] == pytest.approx(sum(r.reward for r in rollouts) / len(rollouts))


def test_the_reference_is_the_start_until_it_is_refreshed() -> None:
    loss = {"kl_coefficient": 0.05, "reference_refresh_steps": 2}
    with ExitStack() as stack:
        _, method = build(stack, method=grpo(loss=loss), optimisation={"learning_rate": 1e-3})
        divergences = [method.step(step).metrics["policy/kl"] for step in (1, 2, 3)]
    assert divergences[0] == 0
    assert divergences[1] > 1e-4
    assert divergences[2] == 0


def test_a_few_steps_raise_the_reward() -> None:
    sampling = {"prompts_per_step": 16, "samples_per_prompt": 8, "max_tokens": 64}
    with ExitStack() as stack:
        _, method = build(
            stack,
            method=grpo(sampling=sampling),
            problems={"kind": "builtin", "level": "easy"},
            evaluation={"problems": 32, "samples": 8},
            optimisation={"learning_rate": 3e-4},
        )
        before = method.evaluate()
        for step in range(1, 16):
            method.step(step)
        after = method.evaluate()
    assert before is not None
    assert after is not None
    assert after.metrics["heldout/pass_at_1"] > before.metrics["heldout/pass_at_1_high"]


def with_subset(**options: Any) -> dict[str, Any]:
    subset = {"enabled": True, "samples": 4, "threshold": 1.0, "rule": "below", "phase_steps": 2, "smallest": 1}
    return {
        "method": grpo(hard_subset=subset | options),
        "problems": {"kind": "builtin", "level": "easy", "train_count": 24, "heldout_count": 4},
    }


def test_problems_that_are_always_solved_drop_out_of_the_hard_subset() -> None:
    with ExitStack() as stack:
        _, method = build(stack, **with_subset(samples=2))
        outcome = method.step(1)
        quiet = method.step(2)
    (event,) = [event for event in outcome.events if isinstance(event, HardSubset)]
    assert event.kept == [right < 2 for right in event.right]
    assert not all(event.kept)
    hard = {name for name, kept in zip(event.ids, event.kept, strict=True) if kept}
    assert {group.problem.id for group in outcome.groups} <= hard
    assert outcome.metrics["hard/problems"] == len(hard)
    assert outcome.metrics["tokens/step"] == event.tokens + sum(group.tokens_sampled for group in outcome.groups)
    assert quiet.events == []


def test_the_hard_subset_goes_on_where_it_was() -> None:
    with ExitStack() as stack:
        _, method = build(stack, **with_subset(samples=2))
        method.step(1)
        state = method.state_dict()
        _, other = build(stack, **with_subset(samples=2))
        other.load_state_dict(state, 1)
        assert other.state_dict() == state
        assert isinstance(method, GrpoTraining)
        assert isinstance(other, GrpoTraining)
        assert other._problems.take(8) == method._problems.take(8)


@pytest.mark.parametrize(("right", "stays"), [(8, False), (7, True), (0, True)])
def test_the_papers_filter_leaves_out_exactly_what_is_right_eight_times_of_eight(right: int, stays: bool) -> None:
    config = HardSubsetConfig(enabled=True, samples=8, threshold=1.0, rule="below")
    assert is_hard(right, 8, config) is stays
