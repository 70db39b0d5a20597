"""The rule that keeps groups, at the values at which implementations differ."""

import statistics

import pytest
import torch

from training.algorithms.advantages import group_advantages
from training.algorithms.spread import is_kept, population_spread

CLOSE = [0.50, 0.52, 0.48, 0.51, 0.49, 0.50, 0.53, 0.47]
VIOLATED = [-1.0, 0.2, 0.4, 0.6, 0.8, 0.5, 0.5, 0.5]


@pytest.mark.parametrize("rewards", [[-1.0] * 8, [0.1] * 8, [0.643] * 3])
def test_equal_rewards_are_dropped_whatever_the_threshold(rewards: list[float]) -> None:
    assert not is_kept(rewards, 0.0)


def test_one_in_the_right_form_keeps_a_group() -> None:
    rewards = [-1.0] * 7 + [0.6]
    assert population_spread(rewards) == pytest.approx(0.529150, abs=1e-6)
    assert statistics.stdev(rewards) == pytest.approx(0.565685, abs=1e-6)
    assert is_kept(rewards, 0.1)


def test_the_population_deviation_decides_and_the_threshold_itself_is_dropped() -> None:
    assert population_spread(CLOSE) == pytest.approx(0.018708, abs=1e-6)
    assert statistics.stdev(CLOSE) == pytest.approx(0.02, abs=1e-6)
    assert not is_kept(CLOSE, 0.019)
    assert is_kept(CLOSE, 0.0187)
    assert not is_kept([0.0, 1.0], 0.5)


def test_one_violation_swamps_what_similarities_say() -> None:
    """Hence the rate of format failures stands beside similarity."""
    with_one = group_advantages(torch.tensor(VIOLATED), "population")
    assert population_spread(VIOLATED) == pytest.approx(0.520667, abs=1e-6)
    expected = [-2.5208, -0.2161, 0.1681, 0.5522, 0.9363, 0.3601, 0.3601, 0.3601]
    assert with_one.tolist() == pytest.approx(expected, abs=1e-4)
    published = [(reward - 0.3125) / (statistics.stdev(VIOLATED) + 1e-4) for reward in VIOLATED]  # TRL's
    assert published[0] == pytest.approx(-2.3576, abs=1e-4)
    assert group_advantages(torch.tensor(VIOLATED), "sample")[0] == pytest.approx(published[0], abs=1e-3)
    swamped = group_advantages(torch.tensor([-1, 0.55, 0.6, 0.65, 0.6, 0.6, 0.6, 0.6]), "population")
    assert swamped[:5].tolist() == pytest.approx([-2.6428, 0.2832, 0.3775, 0.4719, 0.3775], abs=1e-4)
    alone = group_advantages(torch.tensor([0.55, 0.6, 0.65, 0.6, 0.6, 0.6, 0.6]), "population")
    assert alone[:4].tolist() == pytest.approx([-1.8708, 0, 1.8708, 0], abs=1e-4)
