"""Importance weights and the mismatch figures, against sums written out token by token."""

import math
from typing import Any

import numpy as np
import pytest
import torch
from pydantic import ValidationError

from training.algorithms.importance import importance_weights, mismatch
from training.algorithms.losses import LossInputs, policy_loss, token_weights
from training.config import LossConfig


@pytest.mark.parametrize("level", ["token", "sequence"])
@pytest.mark.parametrize("action", ["truncate", "mask"])
def test_weights_are_those_written_out_token_by_token(level: Any, action: Any) -> None:
    lengths, cap, floor = [3, 1, 5], 1.6, 0.7
    generator = torch.Generator().manual_seed(3)
    trainer, sampler = torch.randn(2, sum(lengths), generator=generator, dtype=torch.float64).mul(0.9)
    sequences = torch.arange(len(lengths)).repeat_interleave(torch.tensor(lengths))
    weights, bounded = importance_weights(trainer, sampler, sequences, level, action, cap=cap, floor=floor)
    expected: list[float] = []
    start = 0
    for length in lengths:
        gaps = [float(trainer[i] - sampler[i]) for i in range(start, start + length)]
        start += length
        of_level = [math.exp(gap) for gap in gaps] if level == "token" else [math.exp(sum(gaps))] * length
        for weight in of_level:
            if action == "truncate":
                expected.append(min(weight, cap))
            else:
                expected.append(weight if floor <= weight <= cap else 0.0)
    assert weights.tolist() == pytest.approx(expected, abs=1e-12)
    assert bounded.tolist() == [weight in (0.0, cap) for weight in expected]
    assert 0 < int(bounded.sum()) < len(expected)


@pytest.mark.parametrize(
    ("importance", "cap", "expected"),
    [
        ("token_truncate", 3.0, [1.6487213, 0.8187308, 3.0]),
        ("token_mask", 3.0, [1.6487213, 0.8187308, 0.0]),
        ("sequence_truncate", 3.0, [3.0] * 3),
        ("sequence_truncate", 9.0, [6.0496475] * 3),
        ("sequence_mask", 3.0, [0.0] * 3),
    ],
)
def test_the_loss_weighs_each_token_by_its_bounded_weight(importance: Any, cap: float, expected: list[float]) -> None:
    old = torch.tensor([-1.0, -2.0, -3.0], dtype=torch.float64)
    inputs = LossInputs(
        logprobs=old.clone().requires_grad_(),
        old_logprobs=old,
        advantages=torch.ones_like(old),
        sequences=torch.zeros(3, dtype=torch.long),
        weights=torch.tensor(token_weights([3], "token_mean", 3), dtype=torch.float64).repeat(3),
        sampler_logprobs=old - torch.tensor([0.5, -0.2, 1.5], dtype=torch.float64),
    )
    outputs = policy_loss(inputs, LossConfig(importance=importance, importance_cap=cap))
    outputs.loss.backward()  # type: ignore[no-untyped-call]
    assert inputs.logprobs.grad is not None
    assert inputs.logprobs.grad.tolist() == pytest.approx([-weight / 3 for weight in expected], abs=1e-6)
    assert outputs.bounded is not None
    assert outputs.bounded.tolist() == [weight in (0.0, cap) for weight in expected]
    assert policy_loss(inputs, LossConfig()).bounded is None


def test_weights_beyond_all_numbers_are_bounded_like_any() -> None:
    far = torch.tensor([200.0, -200.0])
    zeros = torch.zeros(2)
    sequences = torch.tensor([0, 1])
    cut, _ = importance_weights(far, zeros, sequences, "token", "truncate", cap=2.0)
    masked, outside = importance_weights(far, zeros, sequences, "sequence", "mask", cap=2.0, floor=0.5)
    assert cut.tolist() == [2.0, 0.0]
    assert masked.tolist() == [0.0, 0.0]
    assert outside.all()


def test_the_mismatch_kl_is_that_of_the_two_distributions() -> None:
    """Over all tokens of a vocabulary, each as often as the sampler draws it: the exact KL, for both estimators."""
    sampler, trainer = np.array([0.5, 0.3, 0.2]), np.array([0.4, 0.4, 0.2])
    drawn = np.repeat(np.arange(3), [50, 30, 20])
    gaps = np.log(trainer / sampler)[drawn].astype(np.float32)
    figures = mismatch([gaps[:7], gaps[7:]])
    kl = float((sampler * np.log(sampler / trainer)).sum())
    assert figures["mismatch/kl"] == pytest.approx(kl, abs=1e-7)
    assert figures["mismatch/kl_k1"] == pytest.approx(kl, abs=1e-7)
    assert figures["mismatch/ratio_mean"] == pytest.approx(1, abs=1e-6)
    assert figures["mismatch/ratio_max"] == pytest.approx(4 / 3, abs=1e-6)
    assert mismatch([]) == {}


@pytest.mark.parametrize(
    "knobs",
    [
        {"importance": "token_mask", "importance_cap": 2.0, "importance_floor": 2.0},
        {"importance": "token_truncate", "old_policy": "sampler"},
    ],
)
def test_bounds_that_leave_nothing_and_a_double_correction_are_refused(knobs: dict[str, Any]) -> None:
    with pytest.raises(ValidationError) as refused:
        LossConfig(**knobs)
    (error,) = refused.value.errors()
    for fix in error["ctx"]["fixes"]:
        LossConfig(**knobs | fix)
