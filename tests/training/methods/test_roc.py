"""Resample-on-Correct in GRPO steps on the built-in model."""

from contextlib import ExitStack
from typing import Any

import numpy as np
import pytest
import torch

from tests.training.methods.parts import WatchedOptimiser, build, flat_gradient
from training.agent.trace import CallStatus, ToolCall, Trace, Turn
from training.algorithms.losses import LossInputs, policy_loss, token_weights
from training.algorithms.roc import RolloutFacts
from training.experience.types import Rollout
from training.methods.grpo import GrpoTraining
from training.methods.roc import facts_of
from training.policy import Policy


def roc(max_tokens: int = 32, **options: Any) -> dict[str, Any]:
    sampling = {"prompts_per_step": 8, "samples_per_prompt": 4, "max_tokens": max_tokens}
    return {"kind": "grpo", "sampling": sampling, "roc": {"enabled": True} | options}


def rollout(*statuses: CallStatus, answers: int = 1, turns: int = 1) -> Rollout:
    """A right one whose calls went like this."""
    calls = [ToolCall(turn=0, name="python", arguments="{}", status=status) for status in statuses]
    trace = Trace([Turn(0, 1, 0.0, 0.0)] * turns, calls, answers=answers)
    array = np.zeros(1, np.float32)
    return Rollout([0], "", "stop", array, array, trace=trace, reward=1.0, correct=True)


def test_timeouts_and_unreadable_calls_are_errors_and_failing_tools_are_not() -> None:
    failed = facts_of(rollout("ok", "timeout", "malformed", "error", "unknown_tool", "bad_arguments", "memory"))
    assert (failed.calls, failed.failed_calls) == (7, 6)
    blameless = facts_of(rollout("ok", "infrastructure", "unanswered"))
    assert (blameless.calls, blameless.failed_calls) == (1, 0)


def test_a_program_that_prints_error_did_not_fail() -> None:
    printing = rollout("ok")
    assert printing.trace is not None
    printing.trace.calls[0].result = printing.trace.calls[0].stdout = "error: none"
    assert facts_of(printing).failed_calls == 0


def test_facts_count_real_turns_and_answers_and_do_without_a_trace() -> None:
    assert facts_of(rollout("ok", answers=2, turns=3)) == RolloutFacts(1.0, True, 1, 0, 2, 3)
    array = np.zeros(1, np.float32)
    plain = Rollout([0], "<answer>1</answer> <answer>2</answer>", "stop", array, array, correct=None)
    assert facts_of(plain) == RolloutFacts(0.0, False, answers=2)


@pytest.mark.parametrize("rule", ["paper", "released"])
def test_a_step_learns_from_the_kept_rollouts_alone(rule: str) -> None:
    """Against one padded forward over the kept ones, weighted by their tokens and credited among themselves."""
    minimums = {"min_right": 1, "min_wrong": 1}
    with ExitStack() as stack:
        parts, method = build(stack, method=roc(rule=rule, **minimums), optimisation={"micro_batch_tokens": 128})
        assert isinstance(method, GrpoTraining)
        outcome = method.step(1)
        assert isinstance(parts.optimiser, WatchedOptimiser)
        plain, _ = build(stack, method=roc())
    trained = [group for group in outcome.groups if group.trained]
    assert trained
    for group in outcome.groups:
        assert len(group.rollouts) == 8
        kept = [each for each in group.rollouts if each.selected]
        assert len(kept) == (4 if group.trained else 0)
        assert sum(each.advantage for each in kept) == pytest.approx(0, abs=1e-6)
        assert group.trained == (len(set(group.rewards)) > 1)
        assert all(each.advantage == 0 and each.ratios is None for each in group.rollouts if not each.selected)
    kept = [each for group in trained for each in group.learned]
    lengths = torch.tensor([len(each) for each in kept])
    examples = [example for group in trained for example in group.examples]
    logprobs = Policy(plain.policy.model, packing=False).statistics(examples).logprobs
    inputs = LossInputs(
        logprobs,
        logprobs.detach(),
        torch.tensor([each.advantage for each in kept]).repeat_interleave(lengths),
        torch.arange(len(kept)).repeat_interleave(lengths),
        torch.tensor(token_weights(lengths.tolist(), "token_mean", 32)).repeat_interleave(lengths),
    )
    policy_loss(inputs, plain.config.method.loss).loss.backward()  # type: ignore[union-attr, no-untyped-call]
    expected = flat_gradient(list(plain.policy.model.parameters()))
    assert float((parts.optimiser.gradients[0] - expected).norm() / expected.norm()) < 1e-5
    drawn = [each for group in outcome.groups for each in group.rollouts]
    assert outcome.metrics["tokens/step"] == sum(len(each) for each in drawn)
    assert outcome.metrics["roc/rollouts_drawn"] == 64
    assert outcome.metrics["roc/rollouts_kept"] == len(kept) == 4 * len(trained)
    assert outcome.metrics["groups/dropped"] == len(outcome.groups) - len(trained)


def test_a_step_without_any_signal_changes_nothing() -> None:
    with ExitStack() as stack:
        parts, method = build(stack, method=roc(max_tokens=1))
        before = [weight.clone() for weight in parts.policy.model.parameters()]
        outcome = method.step(1)
    assert outcome.metrics["roc/groups_all_wrong"] == 8
    assert "optim/loss" not in outcome.metrics
    assert all(torch.equal(old, new) for old, new in zip(before, parts.policy.model.parameters(), strict=True))


def test_dynamic_sampling_refills_what_was_rejected() -> None:
    method = roc() | {"dynamic_sampling": {"enabled": True, "max_rounds": 2}}
    with ExitStack() as stack:
        _, built = build(stack, method=method, problems={"kind": "builtin", "level": "hard", "train_count": 64})
        outcome = built.step(1)
    assert 8 < len(outcome.groups) <= 16
    assert all(len(group.learned) == 4 for group in outcome.groups if group.trained)
