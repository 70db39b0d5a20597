"""Advantages spelled out are those that training computes, and rewards are the sum of their parts."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from training.algorithms.advantages import group_advantages
from training.config import RunConfig
from webapp.inspection.credit import credit_of, paid_beside, reward_parts
from webapp.inspection.histogram import histogram, median_of

REWARDS = st.lists(st.sampled_from([0.0, 0.1, 0.3, 1.0, -1.0, 1.5]), min_size=2, max_size=9)


def config(scale: str = "sample", **reward: float) -> dict[str, object]:
    method = {"kind": "grpo", "loss": {"advantage_scale": scale}, "reward": reward}
    return RunConfig.model_validate({"method": method}).model_dump(mode="json")


@given(REWARDS, st.sampled_from(["sample", "population", "none"]))
@settings(max_examples=100, deadline=None)
def test_the_formula_gives_what_training_gives(rewards: list[float], scale: str) -> None:
    expected = group_advantages(torch.tensor(rewards), scale).tolist()  # type: ignore[arg-type]
    for reward, advantage in zip(rewards, expected, strict=True):
        credit = credit_of(reward, advantage, rewards, config(scale))
        assert credit is not None
        assert credit.computed == pytest.approx(advantage, abs=1e-6)
        assert credit.agrees
        assert credit.count == len(rewards)


def test_a_stored_advantage_of_another_origin_is_noticed() -> None:
    credit = credit_of(1.0, 0.2, [1.0, 0.0], config())
    assert credit is not None
    assert not credit.agrees
    assert credit.rewards == [(1.0, 1), (0.0, 1)]
    assert credit_of(1.0, None, [], config()) is None


def test_parts_times_weights_are_the_reward() -> None:
    parts = reward_parts({"accuracy": 1.0, "format": 1.0, "overlong": -0.25}, config(accuracy=2.0, format=0.5))
    assert [(part.name, part.weight) for part in parts] == [("accuracy", 2.0), ("format", 0.5), ("overlong", 1.0)]
    assert sum(part.contribution for part in parts) == 2.25
    assert reward_parts({"accuracy": 1.0}, {"method": {"kind": "sft"}})[0].weight == 1.0


def test_few_rewards_get_a_bar_each_and_many_get_bins() -> None:
    few = histogram([(0.0, 3), (1.0, 5)])
    assert [(bar.low, bar.high, bar.count) for bar in few] == [(0.0, 0.0, 3), (1.0, 1.0, 5)]
    counts = [(value / 100, 1 + value % 3) for value in range(-50, 151)]
    many = histogram(counts)
    assert len(many) == 20
    assert sum(bar.count for bar in many) == sum(count for _, count in counts)
    for bar in many:
        assert bar.count == sum(count for value, count in counts if bar.least <= value <= bar.most)
        assert bar.low <= bar.least <= bar.most <= bar.high
    assert histogram([]) == []


@given(st.lists(st.sampled_from([0.0, 0.5, 1.0]), min_size=1, max_size=20))
def test_the_median_is_a_value_that_occurs(values: list[float]) -> None:
    counts = [(value, values.count(value)) for value in sorted(set(values))]
    assert median_of(counts) == sorted(values)[(len(values) - 1) // 2]
    assert median_of([]) is None


def test_what_a_search_pays_beside_right_and_wrong_is_weighed() -> None:
    """Accuracy and format are no part of an end's worth; a learned reward is, by its own weight."""
    reward = {"accuracy": 0.0, "missing_end": 0.5, "learned": {"weight": 2.0}}
    parts = {"accuracy": 1.0, "format": 1.0, "overlong": -0.25, "missing_end": -1.0, "learned": 0.75}
    assert paid_beside(parts, {"method": {"reward": reward}}) == -0.25 - 0.5 + 1.5
    assert paid_beside({"accuracy": 1.0, "overlong": -0.25}, {}) == -0.25
    weighed = {part.name: part.weight for part in reward_parts(parts, {"method": {"reward": reward}})}
    assert weighed["learned"] == 2.0
