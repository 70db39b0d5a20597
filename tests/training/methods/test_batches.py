"""How a step's batch is filled, on groups made up in advance."""

import io
from collections.abc import Sequence

import numpy as np
import pytest
import torch

from training.config import DynamicSamplingConfig
from training.experience.types import Group, Rollout
from training.methods.batches import GroupBatches, drop_equal
from training.problems.types import Problem


class Stream:
    """Groups of these rewards, in order; remembers how many were asked for in each round."""

    def __init__(self, rewards: Sequence[tuple[float, float]]) -> None:
        self.asked: list[int] = []
        self.version = 0
        self._rewards = list(rewards)
        self._given = 0

    def ask(self, count: int, number: int) -> list[Group]:
        self.asked.append(count)
        groups = [self._group(place) for place in range(self._given, self._given + count)]
        self._given += count
        return groups

    def _group(self, place: int) -> Group:
        rollouts = [
            Rollout([place, n], f"{place}", "stop", np.full(2, -0.5, np.float32), np.ones(2, np.float32),
                    reward=reward, parts={"accuracy": reward}, weights_version=self.version)
            for n, reward in enumerate(self._rewards[place])
        ]  # fmt: skip
        return Group(problem(f"p{place}"), [9, place], rollouts, self.version)


def problem(name: str) -> Problem:
    return Problem(id=name, prompt=name, answer="1", solution="", split="train", level="easy")


def judge(groups: Sequence[Group], number: int) -> None:
    drop_equal(groups)


def names(groups: Sequence[Group], trained: bool = True) -> list[str]:
    return [group.problem.id for group in groups if group.trained is trained]


DIFFERENT, EQUAL = (0.0, 1.0), (1.0, 1.0)


def test_one_round_of_more_groups_does_what_took_three() -> None:
    rewards = [EQUAL, DIFFERENT, EQUAL, EQUAL, DIFFERENT, DIFFERENT, DIFFERENT, EQUAL]
    in_rounds, at_once = Stream(rewards), Stream(rewards)
    one = GroupBatches(3, DynamicSamplingConfig(enabled=True), 0).fill(1, in_rounds.ask, judge)
    dynamic = DynamicSamplingConfig(enabled=True, over_generation=2.5)
    other = GroupBatches(3, dynamic, 0).fill(1, at_once.ask, judge)
    assert (in_rounds.asked, at_once.asked) == ([3, 2, 1], [8])
    assert names(one) == names(other) == ["p1", "p4", "p5"]
    assert names(other, trained=False) == ["p0", "p2", "p3", "p6", "p7"]


def test_what_is_left_over_is_kept_for_the_next_step_as_long_as_it_is_young_enough() -> None:
    stream = Stream([DIFFERENT] * 20)
    dynamic = DynamicSamplingConfig(enabled=True, over_generation=2.5, surplus="keep")
    batches = GroupBatches(2, dynamic, oldest=1)
    assert names(batches.fill(1, stream.ask, judge)) == ["p0", "p1"]
    stream.version = 1
    assert names(batches.fill(2, stream.ask, judge)) == ["p2", "p3"]
    assert stream.asked == [5]
    stream.version = 2
    third = batches.fill(3, stream.ask, judge)
    assert names(third) == ["p5", "p6"]
    assert names(third, trained=False) == ["p4"]
    assert stream.asked == [5, 5]


def test_what_is_kept_goes_through_a_checkpoint() -> None:
    dynamic = DynamicSamplingConfig(enabled=True, over_generation=2.0, surplus="keep")
    batches, resumed = GroupBatches(2, dynamic, 1), GroupBatches(2, dynamic, 1)
    stream = Stream([DIFFERENT] * 8)
    batches.fill(1, stream.ask, judge)
    state = batches.state_dict()
    torch.save(state, buffer := io.BytesIO())
    buffer.seek(0)
    resumed.load_state_dict(torch.load(buffer, weights_only=True), problem)
    kept, found = (each.fill(2, stream.ask, judge) for each in (batches, resumed))
    assert names(kept) == names(found) == ["p2", "p3"]
    for one, other in zip(kept[0].rollouts, found[0].rollouts, strict=True):
        assert (one.token_ids, one.reward, one.parts) == (other.token_ids, other.reward, other.parts)
        assert np.array_equal(one.sampler_logprobs, other.sampler_logprobs)
        assert other.sampler_logprobs.dtype == np.float32


@pytest.mark.parametrize("factor", [1.0, 4.0])
def test_a_step_trains_on_what_it_has_when_rounds_run_out(factor: float) -> None:
    stream = Stream([EQUAL] * 40)
    dynamic = DynamicSamplingConfig(enabled=True, max_rounds=2, over_generation=factor)
    groups = GroupBatches(2, dynamic, 0).fill(1, stream.ask, judge)
    assert names(groups) == []
    assert stream.asked == [2 * factor, 2 * factor]


def test_without_dynamic_sampling_equal_groups_are_learned_from_and_none_is_asked_for_again() -> None:
    stream = Stream([EQUAL, DIFFERENT])
    groups = GroupBatches(2, DynamicSamplingConfig(over_generation=3.0), 0).fill(1, stream.ask, lambda *_: None)
    assert names(groups) == ["p0", "p1"]
    assert stream.asked == [2]
