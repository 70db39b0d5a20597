"""Reservations of memory for whole rollouts."""

import math
from types import SimpleNamespace
from typing import Any, cast

import pytest
import torch
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule
from transformers import PreTrainedModel, Qwen3Config

from training.agent.scheduler import KvScheduler, NeverFitsError
from training.sampling.session import bytes_per_token


class Scheduling(RuleBasedStateMachine):
    """Rollouts come, are admitted, end and give up in any order, on engines of any size."""

    @initialize(
        capacities=st.lists(st.integers(1, 60), min_size=1, max_size=4), oversubscription=st.sampled_from([1.0, 1.43])
    )
    def begin(self, capacities: list[int], oversubscription: float) -> None:
        self.most = [int(capacity * oversubscription) for capacity in capacities]
        self.scheduler: KvScheduler[int] = KvScheduler(capacities, oversubscription)
        self.queue: list[tuple[int, int]] = []
        self.running: dict[int, tuple[int, int]] = {}
        self.count = 0

    @rule(tokens=st.integers(1, 90))
    def submit(self, tokens: int) -> None:
        self.count += 1
        if tokens > max(self.most):
            with pytest.raises(NeverFitsError):
                self.scheduler.submit(self.count, tokens)
        else:
            self.scheduler.submit(self.count, tokens)
            self.queue.append((self.count, tokens))

    @rule()
    def admit(self) -> None:
        """One after the other, each to the engine with the most room, until the first that does not fit."""
        expected = []
        free = list(self.scheduler.free)
        while self.queue and self.queue[0][1] <= max(free):
            key, tokens = self.queue.pop(0)
            engine = free.index(max(free))
            free[engine] -= tokens
            self.running[key] = (engine, tokens)
            expected.append((key, engine))
        assert self.scheduler.admit() == expected

    @precondition(lambda self: self.running)
    @rule(data=st.data(), times=st.integers(1, 2))
    def end(self, data: st.DataObject, times: int) -> None:
        key = data.draw(st.sampled_from(sorted(self.running)))
        for _ in range(times):
            self.scheduler.release(key)
        del self.running[key]
        with pytest.raises(KeyError):
            self.scheduler.engine_of(key)

    @precondition(lambda self: self.queue)
    @rule(data=st.data())
    def give_up(self, data: st.DataObject) -> None:
        place = data.draw(st.integers(0, len(self.queue) - 1))
        self.scheduler.release(self.queue.pop(place)[0])

    @invariant()
    def reserved_and_free_are_all_there_is(self) -> None:
        if not hasattr(self, "most"):
            return
        reserved = [0] * len(self.most)
        for engine, tokens in self.running.values():
            reserved[engine] += tokens
        pairs = zip(self.most, reserved, strict=True)
        assert list(self.scheduler.free) == [most - taken for most, taken in pairs]
        assert min(self.scheduler.free) >= 0
        assert self.scheduler.waiting == len(self.queue)
        assert {key: self.scheduler.engine_of(key) for key in self.running} == {
            key: engine for key, (engine, _) in self.running.items()
        }


TestScheduling = Scheduling.TestCase
TestScheduling.settings = settings(max_examples=60, stateful_step_count=30, deadline=None)


@pytest.mark.parametrize(("longest", "fit"), [(10_240, 73), (14_336, 52)])
def test_as_many_rollouts_begin_as_fit_whole(longest: int, fit: int) -> None:
    """The sizing of a 14 billion model on a 192 GB accelerator."""
    scheduler: KvScheduler[int] = KvScheduler([757_446])
    for key in range(256):
        scheduler.submit(key, longest)
    assert len(scheduler.admit()) == fit == 757_446 // longest
    scheduler.release(0)
    assert scheduler.admit() == [(fit, 0)]


def test_states_of_a_token_take_the_memory_of_all_layers_keys_and_values() -> None:
    config = Qwen3Config(num_hidden_layers=40, num_attention_heads=40, num_key_value_heads=8, head_dim=128)
    model: Any = SimpleNamespace(config=config, dtype=torch.bfloat16)
    assert bytes_per_token(cast(PreTrainedModel, model)) == 163_840
    assert math.isclose(10_240 * 163_840 / 2**30, 1.5625)


def test_none_overtakes_one_that_waits_for_more_room() -> None:
    scheduler: KvScheduler[str] = KvScheduler([10, 8])
    for key, tokens in (("a", 9), ("b", 8), ("large", 10), ("small", 1)):
        scheduler.submit(key, tokens)
    assert scheduler.admit() == [("a", 0), ("b", 1)]
    scheduler.release("b")
    assert scheduler.admit() == []
    scheduler.release("a")
    assert scheduler.admit() == [("large", 0), ("small", 1)]


def test_what_is_there_already_is_refused() -> None:
    scheduler: KvScheduler[str] = KvScheduler([10])
    scheduler.submit("a", 5)
    with pytest.raises(ValueError, match="there already"):
        scheduler.submit("a", 5)
    with pytest.raises(ValueError, match="cannot schedule"):
        KvScheduler([])
