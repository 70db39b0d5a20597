"""How long the engine waits for tools: `python -m tests.benchmarks.agentic_idle`.

Conversations of several turns on the built-in model, each turn followed by a tool that takes 0.3 s; more of them than
fit into memory at once. Once with conversations that leave and come back as their tools answer, and once turn by turn:
all write a turn, then all wait for their tools. Both draw the same tokens.
"""

import argparse
import asyncio
import random
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, cast

import torch
from transformers import AutoModelForCausalLM, AutoTokenizer

from training.agent.conversation import Conversation
from training.agent.loop import AgentLoop, Seat
from training.agent.parser import CallRequest
from training.agent.results import ToolResult
from training.agent.tools import Registry, Tool, ToolRunner
from training.agent.trace import Trace, Turn
from training.builtin import MODEL_DIR
from training.sampling.session import bytes_per_token
from training.sampling.torch_engine import TorchEngine
from training.sampling.types import Completion, SamplingParams

REQUEST = CallRequest("wait", {}, "{}")
RESULT = [5, 6, 7, 8] * 3
"""Tokens of a tool's result."""


@dataclass(eq=False)
class Talk:
    """A conversation of turns whose lengths are given."""

    prompt: list[int]
    lengths: list[int]
    response: list[int] = field(default_factory=list)
    trace: Trace = field(default_factory=Trace)

    @property
    def budget(self) -> int:
        return sum(self.lengths) + len(RESULT) * len(self.lengths)

    @property
    def ids(self) -> list[int]:
        return self.prompt + self.response

    @property
    def room(self) -> int:
        return self.lengths[len(self.trace.turns)]

    def add_turn(self, completion: Completion, now: float, entered: float = 0.0) -> list[CallRequest]:
        self.response += completion.token_ids
        self.trace.turns.append(Turn(0, 0, 0, now, entered))
        return [REQUEST] if len(self.trace.turns) < len(self.lengths) else []

    def add_results(self, results: Sequence[tuple[ToolResult, float]], now: float) -> bool:
        self.response += RESULT
        return True


def seats(count: int, turns: int, prompts: Sequence[list[int]]) -> list[Seat]:
    """Conversations of `turns` turns of 16 to 80 tokens."""
    rng = random.Random(0)
    talks = [Talk(list(prompts[n % len(prompts)]), [rng.randint(16, 80) for _ in range(turns)]) for n in range(count)]
    return [
        Seat(
            cast(Conversation, talk),
            SamplingParams(n=1, max_tokens=talk.budget, temperature=1.0, stop_ids=(), seed=1, stream=number),
        )
        for number, talk in enumerate(talks)
    ]


def interleaved(engine: TorchEngine, all_seats: Sequence[Seat], tools: ToolRunner) -> tuple[float, float]:
    """Seconds, and those of them in which the engine had nothing to decode."""
    loop = AgentLoop([engine], tools)
    loop.run(all_seats)
    return loop.clock.seconds, loop.clock.idle


def turn_by_turn(
    engine: TorchEngine, all_seats: Sequence[Seat], tools: ToolRunner, at_once: int
) -> tuple[float, float]:
    """The same, for as many at once as fit: all of them write a turn, then all wait for their tools."""
    began, idle = time.perf_counter(), 0.0
    for first in range(0, len(all_seats), at_once):
        live = list(all_seats[first : first + at_once])
        while live:
            completions = engine.sample([seat.talk.ids for seat in live], [seat.turn_params() for seat in live])
            calling = [s for s, (c,) in zip(live, completions, strict=True) if s.talk.add_turn(c, 0.0)]
            since = time.perf_counter()
            for future in [tools.start(REQUEST) for _ in calling]:
                future.result()
            idle += time.perf_counter() - since
            for seat in calling:
                seat.talk.add_results([], 0.0)
            live = calling
    return time.perf_counter() - began, idle


def main() -> None:
    """Print both, side by side."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--conversations", type=int, default=192)
    parser.add_argument("--turns", type=int, default=4)
    parser.add_argument("--rows", type=int, default=16, help="responses decoded at once")
    parser.add_argument("--fit", type=int, default=64, help="conversations whose states fit into memory")
    parser.add_argument("--tool-s", type=float, default=0.3)
    chosen = parser.parse_args()
    torch.set_num_threads(1)
    model, tokenizer = (kind.from_pretrained(MODEL_DIR) for kind in (AutoModelForCausalLM, AutoTokenizer))
    prompts = [tokenizer(f"{n}+{n}*3=?")["input_ids"] for n in range(10, 26)]

    async def wait(arguments: Mapping[str, Any], _: object) -> ToolResult:
        await asyncio.sleep(chosen.tool_s)
        return ToolResult("ok")

    drawn = []
    print("loop          seconds  idle s  idle share  tokens/s")
    for name in ("interleaved", "turn by turn"):
        made = seats(chosen.conversations, chosen.turns, prompts)
        longest = max(len(seat.talk.prompt) + seat.talk.budget for seat in made)
        memory = chosen.fit * longest * bytes_per_token(model)
        engine = TorchEngine(model, max_rows=chosen.rows, prefix_bytes=memory)
        with ToolRunner(Registry([Tool("wait", {}, wait)])) as tools:
            if name == "interleaved":
                seconds, idle = interleaved(engine, made, tools)
            else:
                seconds, idle = turn_by_turn(engine, made, tools, chosen.fit)
        drawn.append([seat.talk.response for seat in made])
        tokens = engine.counters.tokens_sampled
        print(f"{name:12}  {seconds:7.2f}  {idle:6.2f}  {idle / seconds:10.1%}  {tokens / seconds:8.0f}")
    same = sum(one == other for one, other in zip(*drawn, strict=True))
    print(f"{same} of {len(drawn[0])} conversations drew the same tokens in both")


if __name__ == "__main__":
    main()
