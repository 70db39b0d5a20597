"""Several decoders as one, over decoders that stand in for vLLM servers."""

import itertools
from collections.abc import Sequence
from dataclasses import replace

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.training.sampling.test_vllm_engine import CountingDecoder
from training.sampling.decoder import EngineLostError, Facts, Order, Progress
from training.sampling.fleet import Fleet
from training.sampling.types import SamplingParams
from training.sampling.vllm_engine import VllmEngine

PARAMS = SamplingParams(n=1, max_tokens=4, temperature=1.0, stop_ids=(9,), seed=5)


class Member(CountingDecoder):
    """Decodes a token a step for each order, named by how long the sequence is; knows what it holds at the most."""

    def __init__(self, capacity: int = 40) -> None:
        super().__init__()
        self.facts = Facts(vocabulary=500, context=300, capacity_tokens=capacity, block=2)
        self.held = 0

    def prepare(self) -> bool:
        self._answer()
        return super().prepare()

    def add(self, order: Order) -> None:
        self._answer()
        super().add(order)
        longest = {order.key: len(order.prompt) + order.params.max_tokens for order in self.orders}
        self.held = max(self.held, sum(longest[key] for key in self.live))

    def _answer(self) -> None:
        if self.lost_after <= 0:
            self.live.clear()
            raise EngineLostError("http://there", "gone")


def engine_of(members: Sequence[Member], oversubscription: float = 1.0) -> VllmEngine:
    fleet = Fleet(members, oversubscription=oversubscription)
    return VllmEngine(fleet, max_rows=64, source=lambda: [("w", torch.zeros(1))])


def sampled(engine: VllmEngine, prompts: list[list[int]], tokens: Sequence[int]) -> list[list[int]]:
    params = [replace(PARAMS, max_tokens=count) for count in tokens]
    return [only.token_ids for (only,) in engine.sample(prompts, params)]


@settings(max_examples=60, deadline=None)
@given(
    capacities=st.lists(st.integers(24, 60), min_size=1, max_size=4),
    orders=st.lists(st.tuples(st.integers(1, 12), st.integers(1, 12)), min_size=1, max_size=20),
    dies=st.lists(st.one_of(st.none(), st.integers(1, 8)), min_size=4, max_size=4),
    oversubscription=st.sampled_from([1.0, 1.43, 3.0]),
)
def test_no_member_is_given_more_than_is_reserved_and_all_is_drawn_though_members_die(
    capacities: list[int], orders: list[tuple[int, int]], dies: list[int | None], oversubscription: float
) -> None:
    members = [Member(capacity) for capacity in capacities]
    for member, steps in zip(members[1:], dies, strict=False):
        member.lost_after = float("inf") if steps is None else steps + 1
    prompts = [[7] * length for length, _ in orders]
    found = sampled(engine_of(members, oversubscription), prompts, [tokens for _, tokens in orders])
    # A token is named by its place in the sequence, so that a gap or a repetition would show.
    assert found == [[length + 1 + at for at in range(tokens)] for length, tokens in orders]
    assert all(member.held <= int(member.facts.capacity_tokens * oversubscription) for member in members)
    if not any(member.lost_after < float("inf") for member in members):
        begun = [[order.key for order in member.orders] for member in members]
        assert begun == [sorted(keys) for keys in begun]  # first come, first served


def test_more_begin_at_once_where_more_is_reserved_than_there_is() -> None:
    most = []
    for oversubscription in (1.0, 2.5):
        members = [Member(40), Member(40)]
        sampled(engine_of(members, oversubscription), [[1, 2]] * 20, [18] * 20)
        most.append([member.most for member in members])
    assert most == [[2, 2], [5, 5]]


def test_orders_go_where_their_beginning_is_while_there_is_room() -> None:
    members = [Member(60), Member(40)]
    engine = engine_of(members)
    (first,) = sampled(engine, [[1, 2, 3, 4]], [4])
    assert len(members[0].orders) == 1
    sampled(engine, [[8] * 20], [4])  # to the one with most room, too: nothing else is under way
    talk = [1, 2, 3, 4, *first]
    sampled(engine, [[8] * 20 + [5], talk, [4] * 20], [20, 4, 20])
    homes = {order.prompt[0]: number for number, member in enumerate(members) for order in member.orders}
    assert homes[1] == homes[8] == 0
    assert homes[4] == 1


def test_new_weights_go_to_all_and_whoever_was_away_gets_them_when_it_is_back() -> None:
    members = [Member(), Member()]
    engine = engine_of(members)
    sampled(engine, [[1, 2]], [2])
    assert [member.loaded for member in members] == [[0], [0]]
    members[1].lost_after, members[1].ready = 0, False
    engine.update_weights(1)
    assert sampled(engine, [[1, 2]] * 6, [2] * 6)
    assert [member.loaded for member in members] == [[0, 1], [0, 1]]  # this one takes weights even now
    members[1].lost_after, members[1].ready = float("inf"), False
    sampled(engine, [[1, 2]], [2])
    assert members[1].loaded == [0, 1, 1]
    assert members[1].ready


def test_what_goes_on_elsewhere_draws_by_other_random_numbers_than_its_beginning() -> None:
    def seeds(lost_after: float) -> list[int]:
        members = [Member(40), Member(39)]
        members[0].lost_after = lost_after
        assert sampled(engine_of(members), [[1, 2]], [6]) == [[3, 4, 5, 6, 7, 8]]
        return [order.seed for member in members for order in member.orders]

    (whole,) = seeds(float("inf"))
    first, second = seeds(2)
    assert first == whole != second
    assert seeds(2) == [first, second]  # a lost beginning is continued alike
    again, other = seeds(1)  # lost where it had come as far as this
    assert again == whole
    assert other not in {first, second}


def test_what_had_not_begun_where_it_was_lost_keeps_its_seed() -> None:
    members = [Member(40), Member(40)]
    engine = engine_of(members)
    sampled(engine, [[5]], [1])
    for member in members:
        member.orders.clear()
    members[0].step = lambda: (_ for _ in ()).throw(EngineLostError("http://there", "gone"))  # type: ignore
    assert sampled(engine, [[1, 2]], [3]) == [[3, 4, 5]]
    assert members[0].orders[0].seed == members[1].orders[0].seed


def test_with_none_left_it_says_so() -> None:
    members = [Member(), Member()]
    engine = engine_of(members)
    sampled(engine, [[1]], [1])
    for member in members:
        member.lost_after = 2
    with pytest.raises(EngineLostError, match="all 2 are away"):
        sampled(engine, [[1], [2], [3]], [9, 9, 1])
    with pytest.raises(EngineLostError, match="all 2 are away"):
        sampled(engine, [[1]], [1])


def test_what_is_aborted_is_given_up_wherever_it_is() -> None:
    members = [Member(30), Member(30)]
    engine = engine_of(members)
    calls = itertools.count()
    results = engine.sample([[1] * 10] * 6, replace(PARAMS, max_tokens=15), should_abort=lambda: next(calls) > 3)
    assert {each.finish_reason for (each,) in results} == {"abort"}
    assert [len(member.live) for member in members] == [0, 0]
    assert sum(len(member.aborted) for member in members) == 2  # others never began
    assert sampled(engine, [[1] * 10], [2]) == [[11, 12]]


def test_what_none_can_hold_or_differs_is_refused() -> None:
    with pytest.raises(ValueError, match="lower max_tokens"):
        sampled(engine_of([Member(30), Member(30)]), [[1] * 20], [20])
    other = Member()
    other.facts = replace(other.facts, vocabulary=7)
    with pytest.raises(ValueError, match="same model"):
        Fleet([Member(), other])


def test_progress_of_orders_that_were_given_up_is_not_told() -> None:
    member = Member()
    fleet = Fleet([member])
    assert not fleet.prepare()
    fleet.add(Order(1, (1, 2), PARAMS, 0, ""))
    assert [each.key for each in fleet.step()] == [1]
    fleet.abort([1])
    member.step = lambda: [Progress(1, [3], [0.0], [0.0])]  # type: ignore[method-assign]
    assert fleet.step() == []
