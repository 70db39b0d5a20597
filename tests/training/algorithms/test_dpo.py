"""Direct preference optimisation against worked numbers and against what its losses promise."""

import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from training.algorithms.dpo import DpoLoss, dpo_losses, gradient_weights, implicit_rewards, sequence_log_ratios

LOSSES: tuple[DpoLoss, ...] = ("sigmoid", "conservative", "robust", "hinge", "ipo")
RATIOS = st.floats(-50, 50)
CHOSEN, REJECTED = torch.tensor([1.5], dtype=torch.float64), torch.tensor([-0.5], dtype=torch.float64)


@pytest.mark.parametrize(
    ("loss", "beta", "smoothing", "expected"),
    [
        ("sigmoid", 0.1, 0, 0.5981389),
        ("sigmoid", 0.5, 0, 0.3132617),
        ("ipo", 0.1, 0, 9.0),
        ("conservative", 0.1, 0.1, 0.6181389),
        ("robust", 0.1, 0.1, 0.5731389),
        ("hinge", 0.1, 0, 0.8),
    ],
)
def test_a_pair_costs_what_the_papers_say(loss: DpoLoss, beta: float, smoothing: float, expected: float) -> None:
    assert dpo_losses(CHOSEN, REJECTED, beta, loss, smoothing).item() == pytest.approx(expected, abs=5e-8)


def test_a_pair_is_weighted_by_how_wrong_the_implicit_rewards_are() -> None:
    assert implicit_rewards(CHOSEN, 0.1).item() == pytest.approx(0.15)
    assert implicit_rewards(REJECTED, 0.1).item() == pytest.approx(-0.05)
    assert gradient_weights(CHOSEN, REJECTED, 0.1).item() == pytest.approx(0.450166, abs=5e-7)


@pytest.mark.parametrize("loss", ["sigmoid", "conservative", "robust"])
def test_a_policy_that_is_its_reference_knows_nothing(loss: DpoLoss) -> None:
    zero = torch.zeros(1, dtype=torch.float64)
    smoothing = 0 if loss == "sigmoid" else 0.2
    assert dpo_losses(zero, zero, 0.1, loss, smoothing).item() == pytest.approx(0.6931472, abs=5e-8)


@settings(deadline=None)
@given(chosen=RATIOS, rejected=RATIOS, beta=st.floats(0.01, 2))
def test_the_gradient_of_the_sigmoid_loss_is_beta_times_its_weight(chosen: float, rejected: float, beta: float) -> None:
    first = torch.tensor([chosen], dtype=torch.float64, requires_grad=True)
    second = torch.tensor([rejected], dtype=torch.float64, requires_grad=True)
    dpo_losses(first, second, beta).sum().backward()  # type: ignore[no-untyped-call]
    weight = beta * gradient_weights(first, second, beta).item()
    assert first.grad is not None
    assert second.grad is not None
    assert first.grad.item() == pytest.approx(-weight, abs=1e-12)
    assert second.grad.item() == pytest.approx(weight, abs=1e-12)


@settings(deadline=None)
@given(chosen=RATIOS, rejected=RATIOS, share=st.floats(0.01, 0.45))
def test_the_robust_loss_is_unbiased_when_a_share_of_the_labels_is_flipped(
    chosen: float, rejected: float, share: float
) -> None:
    first, second = torch.tensor([chosen]).double(), torch.tensor([rejected]).double()
    kept = dpo_losses(first, second, 0.1, "robust", share)
    flipped = dpo_losses(second, first, 0.1, "robust", share)
    expected = (1 - share) * kept + share * flipped
    assert expected.item() == pytest.approx(dpo_losses(first, second, 0.1).item(), abs=1e-9)


def test_the_conservative_loss_is_least_where_the_policy_trusts_labels_as_far_as_they_go() -> None:
    """At σ(βh) = 1 - ε its gradient is 0; the sigmoid loss has no such end."""
    end = torch.tensor([math.log(0.9 / 0.1) / 0.5], dtype=torch.float64, requires_grad=True)
    dpo_losses(end, torch.zeros_like(end), 0.5, "conservative", 0.1).sum().backward()  # type: ignore[no-untyped-call]
    assert end.grad is not None
    assert end.grad.item() == pytest.approx(0, abs=1e-12)


@pytest.mark.parametrize("loss", ["conservative", "robust"])
def test_without_smoothing_the_loss_is_the_sigmoid_one(loss: DpoLoss) -> None:
    assert torch.equal(dpo_losses(CHOSEN, REJECTED, 0.1, loss), dpo_losses(CHOSEN, REJECTED, 0.1))


@pytest.mark.parametrize("loss", LOSSES)
def test_gradients_are_those_of_the_losses(loss: DpoLoss) -> None:
    generator = torch.Generator().manual_seed(0)
    ratios = [torch.randn(5, dtype=torch.float64, generator=generator).requires_grad_() for _ in range(2)]
    smoothing = 0.1 if loss in ("conservative", "robust") else 0.0
    assert torch.autograd.gradcheck(lambda c, r: dpo_losses(c, r, 0.3, loss, smoothing), ratios)


@pytest.mark.parametrize(
    ("loss", "beta", "smoothing", "message"),
    [
        ("sigmoid", 0.1, 0.1, "no smoothing"),
        ("ipo", 0.1, 0.1, "no smoothing"),
        ("robust", 0.1, 0.5, "below 0.5"),
        ("conservative", 0.1, -0.1, "below 0.5"),
        ("sigmoid", 0.0, 0.0, "above 0"),
    ],
)
def test_what_a_loss_cannot_use_is_refused(loss: DpoLoss, beta: float, smoothing: float, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        dpo_losses(CHOSEN, REJECTED, beta, loss, smoothing)


def test_log_ratios_of_sequences_are_sums_or_means_over_their_tokens() -> None:
    logprobs = torch.tensor([-1.0, -2.0, -0.5, -3.0], requires_grad=True)
    reference = torch.tensor([-1.5, -1.0, -1.0, -2.0])
    sequences = torch.tensor([0, 0, 0, 2])

    def ratios(*, mean: bool) -> Tensor:
        return sequence_log_ratios(logprobs, reference, sequences, 3, mean=mean)

    assert ratios(mean=False).tolist() == [0, 0, -1]
    logprobs.data[1] = -1.0
    assert ratios(mean=False).tolist() == [1, 0, -1]
    assert ratios(mean=True).tolist() == pytest.approx([1 / 3, 0, -1])
    ratios(mean=True).sum().backward()  # type: ignore[no-untyped-call]
    assert logprobs.grad is not None
    assert logprobs.grad.tolist() == pytest.approx([1 / 3, 1 / 3, 1 / 3, 1])
