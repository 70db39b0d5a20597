"""Simulated engines that decode with costs and lengths in rStar2-Agent's proportions; see `kv_scheduler`."""

import random
from collections import deque
from dataclasses import dataclass
from heapq import heappop, heappush

ENGINES, PROBLEMS, SAMPLES = 64, 512, 32
CAPACITY, PROMPT, LONGEST, TYPICAL, SPREAD_OF_PROBLEMS, SPREAD = 757_446, 300, 12_288, 5_000, 0.45, 0.45
TOKENS_A_CALL, TOOL_MEDIAN, TOOL_SPREAD = 2_000, 0.8, 0.9
WEIGHTS_S, ROW_S, STATE_S, PREFILL_S = 14e-3, 25e-6, 50e-9, 40e-6
LEAP = 32
"""Tokens that are decoded at a time: what happens within them happens at their end."""


@dataclass(slots=True, eq=False)
class Rollout:
    """A response: how many tokens it will have, and when it calls tools."""

    number: int
    tokens: int
    calls: deque[tuple[int, float]]
    """Of each call, the tokens before it and the seconds of the tool."""
    done: int = 0
    cached: int = 0
    """Tokens whose states its engine has."""
    back: float = 0.0
    """When its tool answers."""

    @property
    def held(self) -> int:
        return PROMPT + self.done


class Engine:
    """Decodes what it has been given; throws out the latest where their states outgrow the memory."""

    def __init__(self) -> None:
        self.clock = 0.0
        self.rows: list[Rollout] = []
        """Decoding, the longest there first."""
        self.waits: list[tuple[float, int, Rollout]] = []
        """For their tools."""
        self.thrown_out: deque[Rollout] = deque()
        self.computed_again = 0
        self.idle = 0.0
        self.most = 0

    @property
    def memory(self) -> int:
        """Tokens whose states must be there: of those that wait for tools, too, while nobody needs the room."""
        return sum(row.held for row in self.rows)

    def enter(self, rollout: Rollout) -> None:
        missing = rollout.held - rollout.cached
        self.computed_again += missing - PROMPT if rollout.cached == 0 and rollout.done else 0
        self.clock += missing * PREFILL_S
        rollout.cached = rollout.held
        self.rows.append(rollout)

    def leap(self) -> list[Rollout]:
        """Decode for a while; returns the rollouts that ended."""
        self._make_room()
        step = WEIGHTS_S + ROW_S * len(self.rows) + STATE_S * self.memory
        self.clock += step * LEAP
        ended, staying = [], []
        for row in self.rows:
            row.done = min(row.done + LEAP, row.tokens)
            row.cached = row.held
            if row.done >= row.tokens:
                ended.append(row)
            elif row.calls and row.done >= row.calls[0][0]:
                row.back = self.clock + row.calls.popleft()[1]
                heappush(self.waits, (row.back, row.number, row))
            else:
                staying.append(row)
        self.rows = staying
        return ended

    def hear(self) -> None:
        """Those whose tools have answered go on."""
        while self.waits and self.waits[0][0] <= self.clock:
            self.enter(heappop(self.waits)[2])

    def wait(self, until: float) -> None:
        self.idle += max(until - self.clock, 0.0)
        self.clock = max(until, self.clock)

    def _make_room(self) -> None:
        waiting = sum(row.cached for _, _, row in self.waits)
        self.most = max(self.most, self.memory + waiting)
        room = CAPACITY - self.memory - LEAP * len(self.rows)
        if room < waiting:  # states of those that wait go first; they are computed anew when these come back
            for _, _, row in sorted(self.waits, key=lambda wait: -wait[0]):
                if room >= waiting:
                    break
                waiting -= row.cached
                row.cached = 0
        while room < 0 and len(self.rows) > 1:
            row = self.rows.pop()
            row.cached = 0
            room += row.held + LEAP
            self.thrown_out.append(row)

    def take_back(self) -> None:
        """What was thrown out comes back once a tenth of the memory is free beyond what it needs."""
        while self.thrown_out and self.memory + self.thrown_out[0].held < 0.9 * CAPACITY:
            self.enter(self.thrown_out.popleft())


def workload(seed: int, typical: int = TYPICAL) -> list[Rollout]:
    """The responses of one step, problem by problem."""
    rng = random.Random(seed)
    rollouts = []
    for problem in range(PROBLEMS):
        of_problem = typical * rng.lognormvariate(0, SPREAD_OF_PROBLEMS)
        for sample in range(SAMPLES):
            tokens = max(LEAP, min(int(of_problem * rng.lognormvariate(0, SPREAD)), LONGEST))
            calls, at = deque[tuple[int, float]](), rng.expovariate(1 / TOKENS_A_CALL)
            while at < tokens and len(calls) < 10:
                calls.append((int(at), TOOL_MEDIAN * rng.lognormvariate(0, TOOL_SPREAD)))
                at += rng.expovariate(1 / TOKENS_A_CALL)
            rollouts.append(Rollout(problem * SAMPLES + sample, tokens, calls))
    return rollouts
