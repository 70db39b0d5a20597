"""The policy loss: every branch against published numbers, gradients by hand."""

import math
from typing import Any

import pytest
import torch
from torch import Tensor

from training.algorithms.losses import (
    LossInputs,
    LossOutputs,
    negative_log_likelihood,
    policy_loss,
    token_weights,
)
from training.config import LossConfig


def double(*values: float) -> Tensor:
    return torch.tensor(values, dtype=torch.float64)


def one_token(ratio: float, advantage: float, logprob: float = -2.0, **options: Any) -> tuple[LossOutputs, Tensor]:
    """The loss of a single token with this ratio, and its gradient with respect to the token's log-prob."""
    logprobs = double(logprob).requires_grad_()
    outputs = policy_loss(
        LossInputs(
            logprobs,
            logprobs.detach() - math.log(ratio),
            double(advantage),
            torch.zeros(1, dtype=torch.long),
            double(1),
        ),
        LossConfig(**options),
    )
    outputs.loss.backward()
    assert logprobs.grad is not None
    return outputs, logprobs.grad


@pytest.mark.parametrize(
    ("ratio", "advantage", "objective", "options"),
    [
        (0.5, 1.0, 0.5, {}),
        (1.25, 1.0, 1.2, {}),
        (5.0, 1.0, 1.2, {}),
        (0.5, -1.0, -0.8, {}),
        (1.5, -1.0, -1.5, {}),
        (5.0, -1.0, -5.0, {}),
        (5.0, -1.0, -3.0, {"dual_clip": 3.0}),
        (5.0, -1.0, -4.0, {"dual_clip": 4.0}),
        (2.0, -1.0, -2.0, {"dual_clip": 3.0}),
        (1.25, 1.0, 1.25, {"clip_high": 0.28}),
        (10.9, 1.0, 10.9, {"clip_low": 10.0, "clip_high": 10.0}),
        (11.5, 1.0, 11.0, {"clip_low": 10.0, "clip_high": 10.0}),
    ],
)
def test_clipping_gives_the_published_objective(
    ratio: float, advantage: float, objective: float, options: dict[str, Any]
) -> None:
    outputs, _ = one_token(ratio, advantage, **options)
    assert -float(outputs.loss.detach()) == pytest.approx(objective, abs=1e-12)


@pytest.mark.parametrize(
    ("ratio", "advantage", "options", "low", "high"),
    [
        (1.1, 1.0, {}, False, False),
        (1.3, 1.0, {}, False, True),
        (1.3, -1.0, {}, False, False),
        (0.7, -1.0, {}, True, False),
        (0.7, 1.0, {}, False, False),
        (5.0, -1.0, {"dual_clip": 3.0}, False, True),
    ],
)
def test_a_token_counts_as_clipped_exactly_when_its_gradient_is_gone(
    ratio: float, advantage: float, options: dict[str, Any], low: bool, high: bool
) -> None:
    outputs, gradient = one_token(ratio, advantage, **options)
    assert (bool(outputs.clipped_low), bool(outputs.clipped_high)) == (low, high)
    expected = 0.0 if low or high else -ratio * advantage
    assert float(gradient) == pytest.approx(expected, abs=1e-12)


@pytest.mark.parametrize(
    ("probability", "clip_high", "grown"), [(0.01, 0.2, 0.012), (0.01, 0.28, 0.0128), (0.9, 0.2, 1.08)]
)
def test_clip_higher_lets_rare_tokens_grow_further(probability: float, clip_high: float, grown: float) -> None:
    inside, outside = grown / probability * (1 - 1e-9), grown / probability * (1 + 1e-9)
    assert float(one_token(inside, 1.0, clip_high=clip_high)[1]) != 0
    assert float(one_token(outside, 1.0, clip_high=clip_high)[1]) == 0


@pytest.mark.parametrize(("options", "expected"), [({}, 2.4), ({"clip_high": 4.0}, 10.0), ({"clip_high": 9.0}, 12.0)])
def test_cispo_weighs_the_log_likelihood_by_a_ratio_clipped_relative_to_one(
    options: dict[str, float], expected: float
) -> None:
    outputs, gradient = one_token(6.0, 1.0, surrogate="cispo", **options)
    assert float(outputs.loss.detach()) == pytest.approx(expected, abs=1e-12)
    assert float(gradient) == pytest.approx(-expected / 2, abs=1e-12)  # no token loses its gradient


def test_cispo_on_policy_has_the_plain_policy_gradient() -> None:
    outputs, gradient = one_token(1.0, 1.0, surrogate="cispo")
    assert float(outputs.loss.detach()) == pytest.approx(2.0)
    assert float(gradient) == pytest.approx(-1.0)


def test_cispo_has_no_lower_bound_when_clip_low_is_one() -> None:
    assert float(one_token(0.01, 1.0, surrogate="cispo", clip_low=1.0)[0].loss.detach()) == pytest.approx(0.02)
    assert float(one_token(0.01, 1.0, surrogate="cispo")[0].loss.detach()) == pytest.approx(1.6)


@pytest.mark.parametrize(
    ("aggregation", "max_tokens", "expected"),
    [("seq_mean_token_mean", 16, 0.75), ("token_mean", 16, 0.6), ("sum_norm", 16, 0.1875)],
)
def test_aggregations_weigh_short_and_long_sequences_as_published(
    aggregation: str, max_tokens: int, expected: float
) -> None:
    weights = token_weights([2, 8], aggregation, max_tokens)
    assert 2 * weights[0] * 1.0 + 8 * weights[1] * 0.5 == pytest.approx(expected, abs=1e-12)


@pytest.mark.parametrize(("factor", "published"), [(1, 6.0 / 2), (16, 0.375 / 2), (8, 0.75 / 2)])
def test_a_fixed_norm_divides_by_the_sequences_too(factor: int, published: float) -> None:
    """verl divides a sum over tokens by its factor alone: 0.375 and 0.75 of two sequences are half that here.

    Divided by one token and by the sequences it is verl's mean over sequences of token sums, 3.
    """
    weights = token_weights([2, 8], "sum_norm", factor)
    assert 2 * weights[0] * 1.0 + 8 * weights[1] * 0.5 == pytest.approx(published, abs=1e-12)


@pytest.mark.parametrize(
    ("aggregation", "expected"), [("seq_mean_token_mean", 0.0), ("token_mean", 0.30), ("sum_norm", 0.1171875)]
)
def test_the_first_on_policy_loss_is_zero_under_one_aggregation_only(aggregation: str, expected: float) -> None:
    lengths, advantages = [10, 20, 30, 40], [1.5, -0.5, -0.5, -0.5]
    inputs = packed(lengths, advantages, aggregation, max_tokens=64)
    loss = policy_loss(inputs, LossConfig(aggregation=aggregation)).loss  # type: ignore[arg-type]
    assert float(loss.detach()) == pytest.approx(expected, abs=1e-12)


@pytest.mark.parametrize(
    ("log_ratios", "mean", "product"), [([0.1, -0.1, 0.3], 1.105171, 1.349859), ([0.5, -0.2, 1.5], 1.8221, 6.0496)]
)
def test_a_sequence_ratio_is_the_geometric_mean_of_its_tokens(
    log_ratios: list[float], mean: float, product: float
) -> None:
    inputs = with_log_ratios(log_ratios)
    outputs = policy_loss(inputs, LossConfig(ratio="sequence"))
    assert outputs.ratios.tolist() == pytest.approx([mean] * 3, abs=5e-5)
    assert math.prod(policy_loss(inputs, LossConfig()).ratios.tolist()) == pytest.approx(product, abs=5e-5)


@pytest.mark.parametrize("level", ["sequence", "sequence_token"])
def test_both_sequence_ratios_have_one_value_and_their_own_gradients(level: str) -> None:
    lengths, advantages = [2, 3], [1.0, -1.0]
    inputs = packed(lengths, advantages, "seq_mean_token_mean", max_tokens=8, spread=0.05)
    config = LossConfig(ratio=level, aggregation="seq_mean_token_mean")  # type: ignore[arg-type]
    policy_loss(inputs, config).loss.backward()
    expected = []
    for length, advantage, logs in zip(lengths, advantages, per_sequence(inputs, lengths), strict=True):
        ratio = math.exp(sum(logs) / length)
        # d/dlogπ_t of -(1/S)·s·A is -(1/S)·A·s/|o|, whether through all tokens or through the token's own ratio.
        expected += [-advantage * ratio / length / len(lengths)] * length
    assert inputs.logprobs.grad is not None
    assert inputs.logprobs.grad.tolist() == pytest.approx(expected, abs=1e-12)


def test_gspo_clips_whole_sequences_at_its_narrow_band() -> None:
    config = LossConfig(ratio="sequence", clip_low=3e-4, clip_high=4e-4)
    for summed, kept in [(0.39991, True), (0.39993, False)]:
        inputs = with_log_ratios([summed / 1000] * 1000)
        assert bool(policy_loss(inputs, config).clipped_high.any()) is not kept
    for summed, kept in [(-0.30004, True), (-0.30006, False)]:
        inputs = with_log_ratios([summed / 1000] * 1000, advantage=-1.0)
        assert bool(policy_loss(inputs, config).clipped_low.any()) is not kept


def test_the_kl_penalty_is_added_per_token_after_importance_weighting() -> None:
    logprobs = double(-1.0, -2.0).requires_grad_()
    delta = double(0.1, -1.0)
    inputs = LossInputs(
        logprobs,
        logprobs.detach(),
        double(1, 1),
        torch.zeros(2, dtype=torch.long),
        double(0.5, 0.5),
        reference_logprobs=logprobs.detach() + delta,
        sampler_logprobs=logprobs.detach() - math.log(1.5),
    )
    outputs = policy_loss(inputs, LossConfig(kl_coefficient=0.04, importance="token_truncate"))
    outputs.loss.backward()
    k3 = [math.expm1(d) - d for d in (0.1, -1.0)]
    assert float(outputs.loss.detach()) == pytest.approx(sum(0.5 * (-1.5 + 0.04 * k) for k in k3), abs=1e-12)
    assert logprobs.grad is not None
    expected = [0.5 * (-1.5 + 0.04 * (1 - math.exp(d))) for d in (0.1, -1.0)]
    assert logprobs.grad.tolist() == pytest.approx(expected, abs=1e-12)


def test_on_policy_the_gradient_is_advantage_plus_beta_times_the_reference_term() -> None:
    """GRPO's gradient coefficient with one update per exploration (arXiv 2402.03300, Eq. 21)."""
    inputs = packed([3], [0.7], "token_mean", max_tokens=8)
    reference = inputs.logprobs.detach() + double(0.3, -0.2, 0.0)
    with_reference = LossInputs(
        inputs.logprobs, inputs.old_logprobs, inputs.advantages, inputs.sequences, inputs.weights, reference
    )
    policy_loss(with_reference, LossConfig(kl_coefficient=0.04)).loss.backward()
    coefficients = [0.7 + 0.04 * (math.exp(d) - 1) for d in (0.3, -0.2, 0.0)]
    assert inputs.logprobs.grad is not None
    assert inputs.logprobs.grad.tolist() == pytest.approx([-c / 3 for c in coefficients], abs=1e-12)


@pytest.mark.parametrize("aggregation", ["token_mean", "seq_mean_token_mean", "sum_norm"])
@pytest.mark.parametrize("ratio", ["token", "sequence", "sequence_token"])
def test_losses_of_parts_add_up_to_the_loss_of_the_whole(aggregation: str, ratio: str) -> None:
    lengths, advantages = [3, 7, 1, 5, 12], [1.0, -0.5, 2.0, -1.5, 0.3]
    config = LossConfig(aggregation=aggregation, ratio=ratio)  # type: ignore[arg-type]
    whole = packed(lengths, advantages, aggregation, max_tokens=16, spread=0.4)
    loss = policy_loss(whole, config).loss
    parts = [policy_loss(part_of(whole, lengths, chosen), config).loss for chosen in ([4], [0, 2], [1, 3])]
    assert float(sum(parts)) == pytest.approx(float(loss.detach()), abs=1e-12)


def test_fine_tuning_sums_weighted_negative_log_likelihoods() -> None:
    assert float(negative_log_likelihood(double(-1, -2, -3), double(0.5, 0.25, 0.25))) == pytest.approx(1.75)


def test_a_missing_reference_or_sampler_is_named() -> None:
    inputs = packed([2], [1.0], "token_mean", max_tokens=4)
    with pytest.raises(ValueError, match="of the reference"):
        policy_loss(inputs, LossConfig(kl_coefficient=0.1))
    with pytest.raises(ValueError, match="of the sampler"):
        policy_loss(inputs, LossConfig(importance="token_mask"))


def packed(
    lengths: list[int], advantages: list[float], aggregation: str, max_tokens: int, spread: float = 0.0
) -> LossInputs:
    """Sequences one after another, with log-ratios that vary by up to `spread`."""
    count = torch.tensor(lengths)
    old = torch.linspace(-3, -0.5, sum(lengths), dtype=torch.float64)
    shift = spread * torch.sin(torch.arange(sum(lengths), dtype=torch.float64))
    return LossInputs(
        (old + shift).requires_grad_(),
        old,
        torch.tensor(advantages, dtype=torch.float64).repeat_interleave(count),
        torch.arange(len(lengths)).repeat_interleave(count),
        torch.tensor(token_weights(lengths, aggregation, max_tokens), dtype=torch.float64).repeat_interleave(count),
    )


def part_of(whole: LossInputs, lengths: list[int], chosen: list[int]) -> LossInputs:
    ends = [sum(lengths[: i + 1]) for i in range(len(lengths))]
    places = torch.cat([torch.arange(ends[i] - lengths[i], ends[i]) for i in chosen])
    sequences = torch.arange(len(chosen)).repeat_interleave(torch.tensor([lengths[i] for i in chosen]))
    tensors = (whole.logprobs, whole.old_logprobs, whole.advantages)
    logprobs, old, advantages = (tensor.detach()[places] for tensor in tensors)
    return LossInputs(logprobs, old, advantages, sequences, whole.weights[places])


def with_log_ratios(log_ratios: list[float], advantage: float = 1.0) -> LossInputs:
    old = torch.full((len(log_ratios),), -1.0, dtype=torch.float64)
    ones = torch.ones_like(old)
    return LossInputs(
        old + double(*log_ratios), old, advantage * ones, torch.zeros(len(old), dtype=torch.long), ones / len(old)
    )


def per_sequence(inputs: LossInputs, lengths: list[int]) -> list[list[float]]:
    logs = (inputs.logprobs - inputs.old_logprobs).detach()
    return [part.tolist() for part in logs.split(lengths)]


@pytest.mark.parametrize(("corrected", "weight"), [(None, 1.0), ([True, True], 0.5)])
def test_what_another_policy_wrote_is_weighted_only_where_it_is_to_be_corrected(
    corrected: list[bool] | None, weight: float
) -> None:
    """Of two tokens from a cache with π_old / π_sampler = 1/2; the config corrects what was sampled."""
    inputs = LossInputs(
        logprobs=torch.tensor([-1.0, -1.0]),
        old_logprobs=torch.tensor([-1.0, -1.0]),
        advantages=torch.ones(2),
        sequences=torch.zeros(2, dtype=torch.long),
        weights=torch.full((2,), 0.5),
        sampler_logprobs=torch.full((2,), -1.0 + math.log(2)),
        corrected=None if corrected is None else torch.tensor(corrected),
        cached=torch.tensor([True, True]),
    )
    outputs = policy_loss(inputs, LossConfig(importance="token_truncate"))
    assert float(outputs.loss) == pytest.approx(-weight)
