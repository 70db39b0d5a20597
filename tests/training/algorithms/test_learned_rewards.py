"""Heads made one, and rewards compared with the reference's."""

import math

import pytest
import torch

from training.algorithms.learned_rewards import Heads, combined, cut, relative, spread

REWARDS = torch.tensor([[1.0, 2.0, 6.0], [0.0, 0.0, 0.0]])
DEVIATION = math.sqrt((4 + 1 + 9) / 3)


@pytest.mark.parametrize(("heads", "first"), [("mean", 3.0), ("min", 1.0), ("conservative", 3.0 - DEVIATION)])
def test_heads_become_one(heads: Heads, first: float) -> None:
    assert combined(REWARDS, heads).tolist() == pytest.approx([first, 0.0])


def test_a_single_head_is_certain() -> None:
    assert spread(torch.tensor([[3.0]])).tolist() == [0.0]
    assert combined(torch.tensor([[3.0]]), "conservative").tolist() == [3.0]
    assert spread(REWARDS).tolist() == pytest.approx([DEVIATION, 0.0])


def test_a_reward_as_good_as_the_references_is_worth_half() -> None:
    found = relative(torch.tensor([1.0, 4.0, -2.0]), torch.tensor([1.0, 1.0, 1.0]))
    assert found.tolist() == pytest.approx([0.5, 1 / (1 + math.exp(-3)), 1 / (1 + math.exp(3))])


def test_rewards_are_cut_on_both_sides_or_not_at_all() -> None:
    rewards = torch.tensor([-3.0, 0.5, 3.0])
    assert cut(rewards, 1.0).tolist() == [-1.0, 0.5, 1.0]
    assert cut(rewards, 0.0).tolist() == [-3.0, 0.5, 3.0]
