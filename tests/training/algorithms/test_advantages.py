"""Advantages against the numbers that papers and implementations publish."""

import math

import pytest
import torch

from training.algorithms.advantages import equal_rewards, group_advantages


@pytest.mark.parametrize(
    ("scale", "expected"),
    [
        ("population", [1.7320508, -0.5773503, -0.5773503, -0.5773503]),
        ("sample", [1.5, -0.5, -0.5, -0.5]),
        ("none", [0.75, -0.25, -0.25, -0.25]),
    ],
)
def test_one_right_answer_of_four_gets_the_published_advantages(scale: str, expected: list[float]) -> None:
    advantages = group_advantages(torch.tensor([1.0, 0, 0, 0]), scale)  # type: ignore[arg-type]
    assert advantages.tolist() == pytest.approx(expected, abs=1e-7)


@pytest.mark.parametrize(
    ("correct", "scale", "right", "wrong"),
    [
        (1, "population", 3.873, -0.2582),
        (1, "sample", 3.75, -0.25),
        (4, "population", 1.7321, -0.5774),
        (8, "population", 1.0, -1.0),
        (8, "sample", 0.9682, -0.9682),
        (15, "population", 0.2582, -3.873),
    ],
)
def test_sixteen_samples_get_what_their_share_of_right_answers_implies(
    correct: int, scale: str, right: float, wrong: float
) -> None:
    rewards = torch.tensor([1.0] * correct + [0.0] * (16 - correct))
    advantages = group_advantages(rewards, scale)  # type: ignore[arg-type]
    assert float(advantages[0]) == pytest.approx(right, abs=5e-4)
    assert float(advantages[-1]) == pytest.approx(wrong, abs=5e-4)


def test_graded_rewards_are_credited_by_their_distance_from_the_mean() -> None:
    rewards = torch.tensor([2.0, 2, 1, 0])
    deviation = math.sqrt(sum((r - 1.25) ** 2 for r in (2, 2, 1, 0)) / 3)
    expected = [(r - 1.25) / deviation for r in (2, 2, 1, 0)]
    assert group_advantages(rewards, "sample").tolist() == pytest.approx(expected, abs=1e-12)
    assert expected == pytest.approx([0.7833, 0.7833, -0.2611, -1.3056], abs=2e-4)


@pytest.mark.parametrize("scale", ["sample", "population", "none"])
@pytest.mark.parametrize("reward", [0.0, 1.0, 0.1 + 0.2, -3e7])
def test_equal_rewards_teach_exactly_nothing(scale: str, reward: float) -> None:
    assert group_advantages(torch.full((8,), reward), scale).tolist() == [0.0] * 8  # type: ignore[arg-type]


def test_groups_are_credited_each_on_their_own() -> None:
    together = group_advantages(torch.tensor([[1.0, 0, 0, 0], [5.0, 5, 5, 5], [0.0, 2, 0, 2]]), "sample")
    alone = [group_advantages(torch.tensor(r), "sample") for r in ([1.0, 0, 0, 0], [5.0] * 4, [0.0, 2, 0, 2])]
    assert torch.equal(together, torch.stack(alone))


def test_rounding_is_no_signal() -> None:
    rewards = torch.tensor([[0.1 + 0.2, 0.3, 0.3, 0.3], [0.0, 0.0, 0.0, 1e-3]], dtype=torch.float64)
    assert equal_rewards(rewards).tolist() == [True, False]


@pytest.mark.parametrize(
    ("size", "p", "signal"),
    [(8, 0.01, 0.0773), (8, 0.1, 0.5695), (8, 0.5, 0.9922), (16, 0.01, 0.1485), (16, 0.1, 0.8147), (16, 0.5, 0.99997)],
)
def test_a_group_has_signal_as_often_as_its_pass_rate_says(size: int, p: float, signal: float) -> None:
    """1 - p^G - (1 - p)^G, by going through all outcomes of a group's responses."""
    outcomes = torch.cartesian_prod(*[torch.tensor([0.0, 1.0], dtype=torch.float64)] * size)
    right = outcomes.sum(dim=-1)
    chances = p**right * (1 - p) ** (size - right)
    assert float(chances[~equal_rewards(outcomes)].sum()) == pytest.approx(signal, abs=1e-4 if size == 8 else 5e-5)


@pytest.mark.parametrize(("epsilon", "right", "wrong"), [(1e-4, 1.4997001, -0.4999), (1e-6, 1.499997, -0.499999)])
def test_published_code_adds_to_the_deviation_what_is_not_added_here(
    epsilon: float, right: float, wrong: float
) -> None:
    """TRL's and verl's advantages of one right answer of four are these, times 1 + epsilon over the deviation."""
    found = group_advantages(torch.tensor([1.0, 0, 0, 0], dtype=torch.float64), "sample")
    assert (found[:2] / (1 + epsilon / 0.5)).tolist() == pytest.approx([right, wrong], abs=5e-7)


def test_leave_one_out_is_the_difference_from_the_mean_scaled_by_the_size_of_the_group() -> None:
    """RLOO's baseline is the mean of the others: G / (G - 1) times what no scale gives."""
    found = group_advantages(torch.tensor([1.0, 0, 0, 0], dtype=torch.float64), "none")
    assert (found * 4 / 3).tolist() == pytest.approx([1.0, -1 / 3, -1 / 3, -1 / 3])
