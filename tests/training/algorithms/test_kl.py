"""KL estimators: values, gradients, expectations."""

import math

import pytest
import torch

from training.algorithms.kl import kl_estimate


@pytest.mark.parametrize(
    ("delta", "k1", "k2", "k3"),
    [
        (0.1, -0.1, 0.005, 0.0051709),
        (-0.1, 0.1, 0.005, 0.0048374),
        (1.0, -1.0, 0.5, 0.7182818),
        (-1.0, 1.0, 0.5, 0.3678794),
        (0.0, 0.0, 0.0, 0.0),
    ],
)
def test_estimators_have_their_published_values(delta: float, k1: float, k2: float, k3: float) -> None:
    policy = torch.tensor([-2.0], dtype=torch.float64)
    values = [float(kl_estimate(policy, policy + delta, name)) for name in ("k1", "k2", "k3")]
    assert values == pytest.approx([k1, k2, k3], abs=1e-7)


@pytest.mark.parametrize(("delta", "slope"), [(0.1, -0.1051709), (-1.0, 0.6321206)])
def test_k3_pulls_a_log_probability_by_one_minus_the_ratio(delta: float, slope: float) -> None:
    policy = torch.tensor([-1.5], dtype=torch.float64, requires_grad=True)
    kl_estimate(policy, policy.detach() + delta, "k3").sum().backward()
    assert policy.grad is not None
    assert float(policy.grad) == pytest.approx(slope, abs=1e-7)


def test_expectations_over_the_policy_give_the_true_divergence_but_for_k2() -> None:
    p, q = torch.tensor([0.5, 0.3, 0.2], dtype=torch.float64), torch.tensor([0.4, 0.4, 0.2], dtype=torch.float64)
    expected = {name: float((p * kl_estimate(p.log(), q.log(), name)).sum()) for name in ("k1", "k2", "k3")}
    true = sum(a * math.log(a / b) for a, b in zip(p.tolist(), q.tolist(), strict=True))
    assert true == pytest.approx(0.0252671539, abs=1e-10)
    assert expected["k1"] == pytest.approx(true, abs=1e-12)
    assert expected["k3"] == pytest.approx(true, abs=1e-12)
    assert expected["k2"] == pytest.approx(0.0248624073, abs=1e-10)


def test_as_losses_k1_pulls_nowhere_k2_to_the_true_divergence_and_k3_to_its_mirror_image() -> None:
    logits = torch.tensor([0.3, -0.2, 0.5], dtype=torch.float64, requires_grad=True)
    reference = torch.tensor([0.4, 0.4, 0.2], dtype=torch.float64).log()

    def gradient(value: torch.Tensor) -> torch.Tensor:
        return torch.autograd.grad(value, logits)[0]

    def sampled(name: str) -> torch.Tensor:  # expectation over samples whose distribution is not differentiated
        policy = torch.log_softmax(logits, 0)
        return gradient((policy.exp().detach() * kl_estimate(policy, reference, name)).sum())  # type: ignore[arg-type]

    policy = torch.log_softmax(logits, 0)
    forward = gradient((policy.exp() * (policy - reference)).sum())
    policy = torch.log_softmax(logits, 0)
    mirrored = gradient((reference.exp() * (reference - policy)).sum())
    assert torch.allclose(sampled("k1"), torch.zeros(3, dtype=torch.float64), atol=1e-12)
    assert torch.allclose(sampled("k2"), forward, atol=1e-12)
    assert torch.allclose(sampled("k3"), mirrored, atol=1e-12)


@pytest.mark.parametrize(
    ("shift", "noise", "bias"), [(0.1, (20.0, 1.42, 1.42), 0.0025), (1.0, (2.0, 1.73, 1.70), 0.25)]
)
def test_gaussians_have_the_noise_of_schulmans_table(
    shift: float, noise: tuple[float, float, float], bias: float
) -> None:
    """N(0, 1) against N(shift, 1), integrated: standard deviation over the true divergence, and k2's bias."""
    x = torch.linspace(-12, 12, 24_001, dtype=torch.float64)
    density = torch.exp(-x.square() / 2) / math.sqrt(2 * math.pi) * (x[1] - x[0])
    policy, reference, true = -x.square() / 2, -(x - shift).square() / 2, shift**2 / 2
    for name, expected in zip(("k1", "k2", "k3"), noise, strict=True):
        values = kl_estimate(policy, reference, name)  # type: ignore[arg-type]
        mean = float((density * values).sum())
        deviation = math.sqrt(float((density * (values - mean).square()).sum()))
        assert deviation / true == pytest.approx(expected, abs=0.006)
        assert mean / true - 1 == pytest.approx(bias if name == "k2" else 0.0, abs=1e-3)
