"""Conversations on a real engine, whose every turn calls a tool."""

import asyncio
import random
import threading
import time
from collections.abc import Callable, Mapping
from concurrent.futures import Future
from dataclasses import dataclass, field
from typing import Any, cast

import pytest
import torch

from tests.training.models import tiny_qwen
from training.agent.conversation import Conversation
from training.agent.loop import AgentLoop, Seat
from training.agent.parser import CallRequest
from training.agent.results import ToolResult
from training.agent.tools import Registry, Tool, ToolRunner
from training.agent.trace import ToolCall, Trace, Turn
from training.sampling.kv_scheduler import NeverFitsError
from training.sampling.torch_engine import TorchEngine
from training.sampling.types import Completion, SamplingParams

STOP = 1
REQUEST = CallRequest("echo", {}, "{}")


@dataclass(eq=False)
class Calling:
    """A conversation that calls after each turn but the last, and is told how long the turn was."""

    prompt: list[int]
    budget: int
    turns: int
    calls: int = 1
    response: list[int] = field(default_factory=list)
    trace: Trace = field(default_factory=Trace)
    asked: list[int] = field(default_factory=list)
    given: list[tuple[int, ...]] = field(default_factory=list)
    workspace: None = None

    @property
    def ids(self) -> list[int]:
        return self.prompt + self.response

    @property
    def room(self) -> int:
        self.asked.append(self.budget - len(self.response))
        return self.asked[-1]

    def add_turn(self, completion: Completion, now: float, entered: float) -> list[CallRequest]:
        assert 0 <= entered <= now
        self.response += completion.token_ids
        self.trace.turns.append(Turn(0, 0, 0, now, entered))
        ends = len(self.trace.turns) >= self.turns or completion.finish_reason == "length"
        return [] if ends else [REQUEST] * self.calls

    def add_results(self, results: list[tuple[ToolResult, float]], now: float) -> bool:
        self.given.append(tuple(int(result.value) for result, _ in results))
        self.response += [4 + len(self.trace.turns) % 7] * 3
        return self.budget - len(self.response) > 0


class Echo:
    """A tool that answers after a while, with the number of the call."""

    def __init__(self, wait: Callable[[int], float]) -> None:
        self.count = 0
        self._wait = wait

    async def __call__(self, arguments: Mapping[str, Any], _: object) -> ToolResult:
        self.count += 1
        mine = self.count
        await asyncio.sleep(self._wait(mine))
        return ToolResult("ok", value=str(mine))


def runner(wait: Callable[[int], float] = lambda _: 0.0) -> tuple[ToolRunner, Echo]:
    echo = Echo(wait)
    return ToolRunner(Registry([Tool("echo", {}, echo)])), echo


def seats(count: int, budget: int = 60, turns: int = 4, calls: int = 1) -> list[Seat]:
    rng = random.Random(3)
    made = []
    for number in range(count):
        talk = Calling([rng.randrange(2, 48) for _ in range(rng.randint(3, 12))], budget - number % 5, turns, calls)
        params = SamplingParams(n=1, max_tokens=budget, temperature=1.0, stop_ids=(STOP,), seed=9, stream=number // 2)
        made.append(Seat(cast(Conversation, talk), params, number % 2))
    return made


def engine(rows: int = 4, prefix_bytes: int = 1 << 24) -> TorchEngine:
    torch.set_num_threads(1)
    return TorchEngine(tiny_qwen(), max_rows=rows, prefix_bytes=prefix_bytes)


def responses(all_seats: list[Seat]) -> list[list[int]]:
    return [seat.talk.response for seat in all_seats]


def test_what_is_drawn_does_not_depend_on_when_tools_answer() -> None:
    found = []
    for seed in range(4):
        rng = random.Random(seed)
        tools, _ = runner(lambda _, rng=rng: rng.random() * 0.01)  # type: ignore[misc]
        all_seats = seats(10)
        with tools:
            AgentLoop([engine(rows=2 + seed)], tools).run(all_seats)
        found.append(responses(all_seats))
    assert all(one == found[0] for one in found)
    assert any(len(seat.talk.trace.turns) > 2 for seat in all_seats)
    assert len({tuple(response) for response in found[0]}) == len(found[0])


def test_each_is_asked_for_what_is_left_of_its_own_budget() -> None:
    """However many run at once: none ever gets another's."""
    tools, _ = runner(lambda number: number % 3 * 0.002)
    all_seats = seats(12)
    with tools:
        AgentLoop([engine()], tools).run(all_seats)
    for seat in all_seats:
        talk = cast(Calling, seat.talk)
        assert talk.asked[0] == talk.budget
        assert talk.asked == sorted(talk.asked, reverse=True)
        assert len(talk.response) <= talk.budget + 3


def test_states_are_kept_between_turns() -> None:
    tools, _ = runner()
    all_seats, made = seats(6), engine(rows=2)
    with tools:
        AgentLoop([made], tools).run(all_seats)
    counters = made.counters
    assert counters.prefill_tokens_requested > 3 * counters.prefill_tokens_computed
    assert made._prefixes.nbytes == 0  # all have ended


def test_the_engine_waits_only_while_nobody_can_go_on() -> None:
    tools, echo = runner(lambda _: 0.05)
    loop = AgentLoop([engine()], tools)
    with tools:
        loop.run(seats(1, budget=200))
    assert echo.count > 1
    assert 0.04 * echo.count < loop.clock.idle < loop.clock.seconds
    busy = AgentLoop([engine()], runner()[0])
    busy.run(seats(2, turns=1))
    assert busy.clock.idle == 0


def test_results_of_one_turn_keep_the_order_of_their_calls() -> None:
    tools, _ = runner(lambda number: 0.02 / number)
    all_seats = seats(1, turns=2, calls=3)
    with tools:
        AgentLoop([engine()], tools).run(all_seats)
    assert cast(Calling, all_seats[0].talk).given == [(1, 2, 3)]


def test_two_thousand_calls_in_flight_are_each_answered_once() -> None:
    gate = threading.Event()
    tools, echo = runner(lambda _: 0.0 if gate.is_set() else 0.05)
    with tools:
        futures: list[Future[ToolResult]] = [tools.start(REQUEST) for _ in range(2048)]
        values = [int(future.result(timeout=20).value) for future in futures]
    assert sorted(values) == list(range(1, 2049))
    assert echo.count == 2048


def test_a_slow_call_delays_no_other() -> None:
    tools, _ = runner(lambda number: 30.0 if number == 1 else 0.0)
    with tools:
        slow, *others = [tools.start(REQUEST) for _ in range(20)]
        assert [int(other.result(timeout=5).value) for other in others] == list(range(2, 21))
        assert not slow.done()


def test_a_tools_own_failure_is_told_apart_and_ends_nothing() -> None:
    async def broken(arguments: Mapping[str, Any], _: object) -> ToolResult:
        raise ConnectionError("nobody there")

    with ToolRunner(Registry([Tool("broken", {}, broken)])) as tools:
        result = tools.start(CallRequest("broken", {}, "{}")).result(5)
        unknown = tools.start(CallRequest("math", {}, "{}")).result(5)
    assert (result.status, result.error) == ("infrastructure", "Error when executing tool: nobody there")
    assert (unknown.status, unknown.error) == ("unknown_tool", "Error when executing tool: 'math'")
    blamed = [ToolCall(0, "", "", made.status).failed for made in (result, unknown)]
    assert blamed == [False, True]


def test_rollouts_wait_for_memory_and_stay_with_their_engine() -> None:
    """Two engines with room for three conversations each, and ten of these."""
    engines = [engine(), engine()]
    token_bytes = (1 << 24) // engines[0].capacity_tokens
    for made in engines:
        made._prefixes.budget = 3 * 72 * token_bytes
    tools, _ = runner(lambda _: 0.001)
    loop, all_seats, ended = AgentLoop(engines, tools), seats(10), []
    with tools:
        loop.run(all_seats, ended.append)
    alone = seats(10)
    tools, _ = runner()
    with tools:
        AgentLoop([engine()], tools).run(alone)
    assert sorted(ended) == list(range(10))
    assert responses(all_seats) == responses(alone)
    assert all(made.counters.tokens_sampled > 0 for made in engines)


def test_more_than_fit_at_once_draw_the_same_at_the_price_of_computing_again() -> None:
    found, recomputed = [], []
    for conversations, oversubscription in ((8, 1.0), (2, 4.0)):
        tools, _ = runner(lambda _: 0.005)
        all_seats, made = seats(8), engine(rows=2)
        token_bytes = (1 << 24) // made.capacity_tokens
        made._prefixes.budget = conversations * 72 * token_bytes
        with tools:
            AgentLoop([made], tools, oversubscription).run(all_seats)
        found.append(responses(all_seats))
        recomputed.append(made.counters.prefill_tokens_recomputed)
    assert found[0] == found[1]
    assert recomputed[0] < recomputed[1]


def test_a_conversation_that_yields_lets_others_begin_while_its_tools_run() -> None:
    """With room for one alone: a call is answered once another conversation has called as well."""
    both = threading.Event()
    waiting: set[int] = set()

    async def meet(arguments: Mapping[str, Any], _: object) -> ToolResult:
        waiting.add(len(waiting))
        if len(waiting) > 1:
            both.set()
        while not both.is_set():
            await asyncio.sleep(0.001)
        return ToolResult("ok", value="1")

    made, yielding, alone = engine(), seats(10), seats(10)
    made._prefixes.budget = 72 * ((1 << 24) // made.capacity_tokens)
    with ToolRunner(Registry([Tool("echo", {}, meet)])) as tools:
        AgentLoop([made], tools, yields=True).run(yielding)
    tools, _ = runner()
    with tools:
        AgentLoop([engine()], tools).run(alone)
    assert both.is_set()
    assert responses(yielding) == responses(alone)


def test_what_never_fits_is_said_at_once() -> None:
    tools, _ = runner()
    with tools, pytest.raises(NeverFitsError, match="lower max_tokens"):
        AgentLoop([engine(prefix_bytes=1000)], tools).run(seats(2))


def test_closing_the_runner_ends_what_runs() -> None:
    tools, _ = runner(lambda _: 60)
    future = tools.start(REQUEST)
    began = time.perf_counter()
    time.sleep(0.01)
    tools.close()
    assert time.perf_counter() - began < 5
    assert future.cancelled()
