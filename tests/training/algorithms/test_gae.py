"""Per-token rewards, advantages and the critic's loss against worked numbers and a plain reference."""

import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from training.algorithms.gae import generalised_advantages, token_rewards, value_loss, whiten


def scores(*values: float) -> Tensor:
    return torch.tensor(values, dtype=torch.float64)


LOGPROBS, REFERENCE, VALUES = scores(-1, -2, -0.5), scores(-1.2, -1.5, -0.5), scores(0.5, 0.6, 0.7)
ONE = torch.zeros(3, dtype=torch.long)
FLOATS = st.floats(-10, 10)


@pytest.mark.parametrize(
    ("trace", "advantages", "returns"),
    [
        (0, [0.1, 0.1, 0.3], [0.6, 0.7, 1]),
        (0.95, [0.46575, 0.385, 0.3], [0.96575, 0.985, 1]),
        (1, [0.5, 0.4, 0.3], [1, 1, 1]),
    ],
)
def test_a_reward_at_the_end_reaches_back_as_far_as_the_trace(
    trace: float, advantages: list[float], returns: list[float]
) -> None:
    found = generalised_advantages(scores(0, 0, 1), VALUES, ONE, trace=trace)
    assert found[0].tolist() == pytest.approx(advantages, abs=1e-9)
    assert found[1].tolist() == pytest.approx(returns, abs=1e-9)


def test_tokens_pay_for_leaving_the_reference_and_the_last_gets_the_score() -> None:
    k1 = token_rewards(LOGPROBS, REFERENCE, scores(0), ONE, 1)
    assert k1.tolist() == pytest.approx([-0.2, 0.5, 0], abs=1e-9)
    rewards = token_rewards(LOGPROBS, REFERENCE, scores(1), ONE, 0.05)
    assert rewards.tolist() == pytest.approx([-0.01, 0.025, 1], abs=1e-9)
    advantages, _ = generalised_advantages(rewards, VALUES, ONE)
    assert advantages.tolist() == pytest.approx([0.4795, 0.41, 0.3], abs=5e-5)
    k3 = token_rewards(LOGPROBS, REFERENCE, scores(0), ONE, 1, estimator="k3")
    assert k3.tolist() == pytest.approx([-0.0187308, -0.1487213, 0], abs=5e-8)


@settings(deadline=None)
@given(st.lists(FLOATS, min_size=1, max_size=8), st.data())
def test_k1_can_pay_the_policy_and_k3_never_does(logprobs: list[float], data: st.DataObject) -> None:
    reference = data.draw(st.lists(FLOATS, min_size=len(logprobs), max_size=len(logprobs)))
    sequences = torch.zeros(len(logprobs), dtype=torch.long)
    k3 = token_rewards(scores(*logprobs), scores(*reference), scores(0), sequences, 0.1, estimator="k3")
    assert (k3 <= 1e-12).all()
    assert (token_rewards(scores(-2), scores(-1), scores(0), sequences[:1], 0.1) > 0).all()


def test_each_sequence_is_scored_at_its_own_end_and_charged_for_having_none() -> None:
    sequences = torch.tensor([0, 0, 1, 2, 2, 2])
    zeros = torch.zeros(6, dtype=torch.float64)
    unfinished = torch.tensor([False, True, False])
    rewards = token_rewards(
        zeros, zeros, scores(1, 2, 3), sequences, 0.1, unfinished=unfinished, missing_end_penalty=1.5
    )
    assert rewards.tolist() == [0, 1, 0.5, 0, 0, 3]
    assert token_rewards(zeros, zeros, scores(1, 2, 3), sequences, 0.1, unfinished=unfinished)[2] == 2
    with pytest.raises(ValueError, match="which sequences are unfinished"):
        token_rewards(zeros, zeros, scores(1, 2, 3), sequences, 0.1, missing_end_penalty=1.5)


@pytest.mark.parametrize("sequences", [[0, 0, 2], [1, 1, 2], [0, 1, 0], [0, 0, 0]])
def test_tokens_of_other_sequences_than_were_scored_are_refused(sequences: list[int]) -> None:
    with pytest.raises(ValueError, match="one after another"):
        token_rewards(LOGPROBS, REFERENCE, scores(1, 1), torch.tensor(sequences), 0.1)


def plain(rewards: list[float], values: list[float], discount: float, trace: float) -> list[float]:
    """A_t = Σ_k (γλ)^k δ_{t+k} of one sequence, from the definition."""
    following = [*values[1:], 0.0]
    deltas = [r + discount * n - v for r, n, v in zip(rewards, following, values, strict=True)]
    return [
        math.fsum((discount * trace) ** (k - t) * deltas[k] for k in range(t, len(deltas))) for t in range(len(deltas))
    ]


@settings(deadline=None)
@given(
    st.lists(st.lists(st.tuples(FLOATS, FLOATS), min_size=1, max_size=9), min_size=1, max_size=5),
    st.floats(0, 1),
    st.floats(0, 1),
)
def test_packed_sequences_get_what_each_gets_alone(
    batch: list[list[tuple[float, float]]], discount: float, trace: float
) -> None:
    tokens = [token for sequence in batch for token in sequence]
    sequences = torch.tensor([place for place, sequence in enumerate(batch) for _ in sequence])
    rewards, values = scores(*(r for r, _ in tokens)), scores(*(v for _, v in tokens))
    found = generalised_advantages(rewards, values, sequences, discount=discount, trace=trace)
    expected = [
        advantage
        for sequence in batch
        for advantage in plain([r for r, _ in sequence], [v for _, v in sequence], discount, trace)
    ]
    assert found[0].tolist() == pytest.approx(expected, abs=1e-9)
    assert found[1].tolist() == pytest.approx([a + v for a, (_, v) in zip(expected, tokens, strict=True)], abs=1e-9)


def test_nothing_has_no_advantages_and_targets_carry_no_gradient() -> None:
    assert generalised_advantages(scores(), scores(), torch.zeros(0, dtype=torch.long))[0].shape == (0,)
    values = VALUES.clone().requires_grad_()
    logprobs = LOGPROBS.clone().requires_grad_()
    rewards = token_rewards(logprobs, REFERENCE, scores(1), ONE, 0.05)
    targets = generalised_advantages(rewards, values, ONE)
    assert not any(tensor.requires_grad for tensor in (rewards, *targets))


def test_whitening_is_by_the_variance_of_a_sample_unless_told_otherwise() -> None:
    values = scores(1, 2, 3, 4)
    sample = [-1.161895, -0.387298, 0.387298, 1.161895]
    assert whiten(values).tolist() == pytest.approx(sample, abs=5e-7)
    assert whiten(values, shift_mean=False).tolist() == pytest.approx([v + 2.5 for v in sample], abs=5e-7)
    assert whiten(values, population=True).tolist() == pytest.approx(
        [-1.341641, -0.447214, 0.447214, 1.341641], abs=5e-7
    )


@pytest.mark.parametrize("values", [[3.0], [2.0, 2.0, 2.0], []])
def test_values_without_a_spread_whiten_to_zero(values: list[float]) -> None:
    assert whiten(torch.tensor(values)).tolist() == [0] * len(values)
    assert whiten(torch.tensor(values), shift_mean=False).tolist() == values


def test_clipping_raises_the_loss_of_a_value_and_takes_its_gradient() -> None:
    value = scores(1.0).requires_grad_()
    one = scores(1)
    loss, clipped = value_loss(value, scores(0.5), scores(1.2), one)
    assert loss.item() == pytest.approx(0.125)
    assert clipped.tolist() == [True]
    loss.backward()  # type: ignore[no-untyped-call]
    assert value.grad is not None
    assert value.grad.item() == 0
    unclipped, none = value_loss(value, scores(0.5), scores(1.2), one, clip=None)
    assert unclipped.item() == pytest.approx(0.02)
    assert none.tolist() == [False]
    unclipped.backward()  # type: ignore[no-untyped-call]
    assert value.grad.item() == pytest.approx(-0.2)


@settings(deadline=None)
@given(FLOATS, FLOATS, FLOATS)
def test_clipping_never_lowers_the_loss(value: float, old: float, target: float) -> None:
    arguments = scores(value), scores(old), scores(target), scores(1)
    assert value_loss(*arguments)[0] >= value_loss(*arguments, clip=None)[0]


def test_the_losses_of_parts_add_up_to_that_of_the_whole() -> None:
    generator = torch.Generator().manual_seed(0)
    values, old, returns, weights = (torch.rand(7, generator=generator).double() for _ in range(4))
    whole = value_loss(values, old, returns, weights)[0]
    parts = [value_loss(*(t[part] for t in (values, old, returns, weights)))[0] for part in (slice(3), slice(3, 7))]
    assert whole.item() == pytest.approx(sum(part.item() for part in parts))
    values.requires_grad_()
    assert torch.autograd.gradcheck(lambda v: value_loss(v, old, returns, weights)[0], values)
