"""Simulated: a step's rollouts on 64 engines, given out evenly beforehand, or by free room for keys and values.

    python -m tests.benchmarks.kv_scheduler

The scheduler is the one that trains (`training.sampling.kv_scheduler`); engines, tools and lengths are simulated.

What is assumed, in rStar2-Agent's proportions (arXiv 2508.20722): 512 problems x 32 responses on 64 engines, 757,446
tokens of keys and values on each (14 billion parameters, a 192 GB accelerator at 0.8); responses of at most 12,288
tokens, log-normal around 5,000 and cut there, those of one problem alike; a tool is called every 2,000 tokens or so and
answers after half a second to several. A decoding step takes 14 ms for reading the weights, 25 microseconds for each
row and 50 nanoseconds for each token whose states are read; running a prompt or a prefix anew takes 40 microseconds a
token. Rows are computed as they come to be: no engine is faster than another.

static: each engine gets 256 responses (32 of each of its 8 problems) and begins them all. Where their states outgrow
the memory, the latest to come are thrown out, and computed anew once there is room. In turns: as frameworks do that
call tools batch by batch, an engine goes on when all its tools have answered. Without turns: it goes on meanwhile.
scheduled: all responses wait in one line; each engine runs what fits at its longest, and gets the next when one ends.
"""

import argparse
import json
import statistics
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from heapq import heappop, heappush
from pathlib import Path

from tests.benchmarks.simulated_engines import CAPACITY, ENGINES, LONGEST, PROMPT, TYPICAL, Engine, Rollout, workload
from training.sampling.kv_scheduler import KvScheduler


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of a step."""

    seconds: float
    tokens_per_s: float
    computed_again: int
    idle: float
    """Share of all engines' time."""
    most: float
    """Largest memory that was needed at once, of what there is."""


def outcome(engines: Sequence[Engine], rollouts: Sequence[Rollout]) -> Outcome:
    seconds = max(engine.clock for engine in engines)
    lost = sum(engine.idle + seconds - engine.clock for engine in engines)
    tokens = sum(rollout.done for rollout in rollouts)
    return Outcome(
        round(seconds, 1),
        round(tokens / seconds),
        sum(engine.computed_again for engine in engines),
        round(lost / seconds / len(engines), 3),
        round(max(engine.most for engine in engines) / CAPACITY, 2),
    )


def static(rollouts: Sequence[Rollout], in_turns: bool) -> Outcome:
    """Every engine has its share from the beginning; engines know nothing of each other."""
    engines = [Engine() for _ in range(ENGINES)]
    each = len(rollouts) // ENGINES
    for number, engine in enumerate(engines):
        for rollout in rollouts[number * each : (number + 1) * each]:
            engine.enter(rollout)
        while engine.rows or engine.waits or engine.thrown_out:
            if engine.rows:
                engine.leap()
            if not in_turns or not (engine.rows or engine.thrown_out):
                if not engine.rows and not engine.thrown_out and engine.waits:
                    last = max if in_turns else min
                    engine.wait(last(engine.waits)[0])
                engine.hear()
            engine.take_back()
    return outcome(engines, rollouts)


def scheduled(rollouts: Sequence[Rollout], yields: bool = False, oversubscription: float = 1.0) -> Outcome:
    """One line for all; the engine that is behind moves next."""
    engines = [Engine() for _ in range(ENGINES)]
    scheduler: KvScheduler[int] = KvScheduler([CAPACITY] * ENGINES, oversubscription)
    for rollout in rollouts:
        scheduler.submit(rollout.number, PROMPT + LONGEST)
    line = [(0.0, number) for number in range(ENGINES)]
    asleep: set[int] = set()
    live, now = len(rollouts), 0.0
    while live:
        for number, place in scheduler.admit():
            engine = engines[place]
            if place in asleep:
                asleep.discard(place)
                engine.wait(now)
                heappush(line, (engine.clock, place))
            engine.enter(rollouts[number])
        _, place = heappop(line)
        engine = engines[place]
        before = {row.number for row in engine.rows} if yields else set()
        for ended in engine.leap() if engine.rows else []:
            scheduler.release(ended.number)
            before.discard(ended.number)
            live -= 1
        if yields:
            _yield(engine, scheduler, before)
        if not (engine.rows or engine.thrown_out) and engine.waits:
            engine.wait(engine.waits[0][0])
        if yields:
            while engine.waits and engine.waits[0][0] <= engine.clock:
                scheduler.resume(heappop(engine.waits)[1])
        else:
            engine.hear()
        engine.take_back()
        if engine.rows or engine.waits or engine.thrown_out:
            heappush(line, (engine.clock, place))
        else:
            asleep.add(place)
        now = engine.clock
    return outcome(engines, rollouts)


def _yield(engine: Engine, scheduler: KvScheduler[int], before: set[int]) -> None:
    for row in engine.rows:
        before.discard(row.number)
    for number in before:
        scheduler.pause(number)


KINDS: dict[str, Callable[[Sequence[Rollout]], Outcome]] = {
    "static, in turns": lambda rollouts: static(rollouts, True),
    "static, without turns": lambda rollouts: static(rollouts, False),
    "scheduled": scheduled,
    "scheduled, yielding": lambda rollouts: scheduled(rollouts, True),
    "scheduled, 1.43 times the room": lambda rollouts: scheduled(rollouts, False, 1.43),
    "scheduled, 2 times the room": lambda rollouts: scheduled(rollouts, False, 2.0),
    "scheduled, 2.5 times the room": lambda rollouts: scheduled(rollouts, False, 2.5),
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--typical", type=int, default=TYPICAL, help="tokens of a median response")
    parser.add_argument("--out", type=Path)
    options = parser.parse_args()
    found: dict[str, list[Outcome]] = {kind: [] for kind in KINDS}
    for seed in range(options.seeds):
        for kind, run in KINDS.items():
            found[kind].append(run(workload(seed, options.typical)))
    rows = {}
    for kind, outcomes in found.items():
        figures = {name: [getattr(each, name) for each in outcomes] for name in Outcome.__dataclass_fields__}
        slower = [a.tokens_per_s / b.tokens_per_s for a, b in zip(outcomes, found["static, in turns"], strict=True)]
        rows[kind] = figures | {"times_static": [round(each, 2) for each in slower]}
        means = {name: round(statistics.fmean(values), 3) for name, values in rows[kind].items()}
        print(f"{kind:32}", "  ".join(f"{name} {value:,}" for name, value in means.items()), flush=True)
    if options.out:
        options.out.write_text(json.dumps(rows, indent=1) + "\n")


if __name__ == "__main__":
    main()
