"""Reservations of memory for whole rollouts."""

import math
from types import SimpleNamespace
from typing import Any, cast

import pytest
import torch
from hypothesis import assume, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule
from transformers import PreTrainedModel, Qwen3Config

from training.sampling.kv_scheduler import KvScheduler, NeverFitsError
from training.sampling.session import bytes_per_token


class Scheduling(RuleBasedStateMachine):
    """Rollouts come, begin, pause, go on, shrink, end and give up in any order, on engines of any size that may die."""

    @initialize(
        capacities=st.lists(st.integers(1, 60), min_size=1, max_size=4), oversubscription=st.sampled_from([1.0, 1.43])
    )
    def begin(self, capacities: list[int], oversubscription: float) -> None:
        self.most = [int(capacity * oversubscription) for capacity in capacities]
        self.scheduler: KvScheduler[int] = KvScheduler(capacities, oversubscription)
        self.queue: list[tuple[int, int]] = []
        self.running: dict[int, tuple[int, int]] = {}
        self.paused: dict[int, tuple[int, int]] = {}
        self.returning: list[int] = []
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
        """Whoever was there before, engine by engine; then new ones, each to the engine with the most room of those
        for which nobody waits, until the first that does not fit."""
        expected = []
        free = list(self.scheduler.free)
        closed = set()
        for engine in range(len(free)):
            for key in [key for key in self.returning if self.paused[key][0] == engine]:
                if self.paused[key][1] > free[engine]:
                    closed.add(engine)
                    break
                self.running[key] = self.paused.pop(key)
                self.returning.remove(key)
                free[engine] -= self.running[key][1]
                expected.append((key, engine))
        while self.queue and (open_ := [engine for engine in range(len(free)) if engine not in closed]):
            engine = max(open_, key=lambda number: free[number])
            if self.queue[0][1] > free[engine]:
                break
            key, tokens = self.queue.pop(0)
            free[engine] -= tokens
            self.running[key] = (engine, tokens)
            expected.append((key, engine))
        assert self.scheduler.admissible == bool(expected)
        assert self.scheduler.admit() == expected

    @precondition(lambda self: self.running)
    @rule(data=st.data())
    def pause(self, data: st.DataObject) -> None:
        key = data.draw(st.sampled_from(sorted(self.running)))
        self.scheduler.pause(key)
        self.paused[key] = self.running.pop(key)

    @precondition(lambda self: self.paused)
    @rule(data=st.data(), times=st.integers(1, 2))
    def resume(self, data: st.DataObject, times: int) -> None:
        key = data.draw(st.sampled_from(sorted(self.paused)))
        for _ in range(times):
            self.scheduler.resume(key)
        if key not in self.returning:
            self.returning.append(key)

    @precondition(lambda self: self.running or self.paused)
    @rule(data=st.data())
    def shrink(self, data: st.DataObject) -> None:
        key = data.draw(st.sampled_from(sorted(self.running | self.paused)))
        of = self.running if key in self.running else self.paused
        engine, tokens = of[key]
        of[key] = (engine, data.draw(st.integers(1, tokens)))
        self.scheduler.shrink(key, of[key][1])
        with pytest.raises(ValueError, match="no smaller"):
            self.scheduler.shrink(key, of[key][1] + 1)

    @precondition(lambda self: self.running or self.paused)
    @rule(data=st.data(), times=st.integers(1, 2))
    def end(self, data: st.DataObject, times: int) -> None:
        key = data.draw(st.sampled_from(sorted(self.running | self.paused)))
        for _ in range(times):
            self.scheduler.release(key)
        self.running.pop(key, None)
        self.paused.pop(key, None)
        self.returning = [other for other in self.returning if other != key]
        with pytest.raises(KeyError):
            self.scheduler.engine_of(key)

    @precondition(lambda self: self.queue)
    @rule(data=st.data())
    def give_up(self, data: st.DataObject) -> None:
        place = data.draw(st.integers(0, len(self.queue) - 1))
        self.scheduler.release(self.queue.pop(place)[0])

    @precondition(lambda self: sum(most > 0 for most in self.most) > 1)
    @rule(data=st.data())
    def lose(self, data: st.DataObject) -> None:
        """Only an engine whose loss leaves room for everybody."""
        lost = data.draw(st.sampled_from([number for number, most in enumerate(self.most) if most]))
        there = self.running | self.paused
        moved = [(key, tokens) for key, (engine, tokens) in there.items() if engine == lost]
        rest = max(most for number, most in enumerate(self.most) if number != lost)
        assume(all(tokens <= rest for _, tokens in moved + self.queue))
        assert sorted(self.scheduler.lose(lost)) == sorted(key for key, _ in moved)
        self.most[lost] = 0
        for key, _ in moved:
            self.running.pop(key, None)
            self.paused.pop(key, None)
        self.returning = [key for key in self.returning if key in self.paused]
        self.queue = sorted(self.queue + moved)  # numbers are given in the order of submission

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
        assert self.scheduler.waiting == len(self.queue) + len(self.returning)
        there = self.running | self.paused
        assert {key: self.scheduler.engine_of(key) for key in there} == {key: place[0] for key, place in there.items()}
        assert all(self.scheduler.may_decode(key) == (key in self.running) for key in there)


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


def test_whoever_comes_back_goes_before_those_that_never_began() -> None:
    scheduler: KvScheduler[str] = KvScheduler([10, 4])
    for key, tokens in (("a", 10), ("b", 4), ("c", 4), ("d", 8), ("e", 1)):
        scheduler.submit(key, tokens)
    assert scheduler.admit() == [("a", 0), ("b", 1)]
    scheduler.pause("a")
    assert scheduler.admit() == [("c", 0)]  # d does not fit beside it, and e does not overtake d
    scheduler.resume("a")
    scheduler.release("b")
    assert scheduler.admit() == []  # d has no room on the other, and where a was nobody new enters
    scheduler.release("c")
    assert scheduler.admit() == [("a", 0)]


def test_rollouts_of_a_lost_engine_stand_before_later_ones_and_are_refused_where_none_could_hold_them() -> None:
    scheduler: KvScheduler[str] = KvScheduler([10, 6])
    for key, tokens in (("a", 6), ("b", 6), ("c", 4), ("d", 4)):
        scheduler.submit(key, tokens)
    assert scheduler.admit() == [("a", 0), ("b", 1), ("c", 0)]
    assert scheduler.lose(0) == ["a", "c"]
    scheduler.release("b")
    assert scheduler.admit() == [("a", 1)]
    scheduler.release("a")
    assert scheduler.admit() == [("c", 1)]
    with pytest.raises(NeverFitsError):
        scheduler.lose(1)
