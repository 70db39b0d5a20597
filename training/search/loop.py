"""The one loop of a search: all live trees of a step advance together, each by one expansion a round.

Every round is a single call of the engine over the expansions of all trees, so that a batch is as wide as the step has
trees, and a single round of verdicts. What a tree becomes does not depend on the trees beside it.
"""

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from training.sampling.types import Completion, Engine, SamplingParams
from training.search.endings import Judged, ends_there
from training.search.growing import GrowingTree, Request

STREAM_STRIDE = 2**32
"""Streams of one tree lie this far from those of the next, so that no two expansions draw the same numbers."""

Judge = Callable[[Sequence[tuple[int, list[int], bool]]], list[Judged]]
"""Verdicts on ended responses: (place of the tree, token ids, whether it ended by itself)."""


@dataclass(frozen=True, slots=True)
class Draw:
    """How steps are sampled, whatever the tree."""

    temperature: float
    top_p: float
    top_k: int
    seed: int


@dataclass(slots=True)
class Clock:
    """Seconds the parts of a search took."""

    sampling: float = 0.0
    judging: float = 0.0
    bookkeeping: float = 0.0
    rounds: int = 0
    recomputed: int = 0
    """Prefix tokens that were run through the model although they had been before."""


def grow(
    trees: Sequence[GrowingTree],
    places: Sequence[int],
    prompts: Sequence[Sequence[int]],
    engine: Engine,
    judge: Judge,
    draw: Draw,
    stop_ids: Sequence[int],
    after_round: Callable[[int], None] = lambda live: None,
) -> Clock:
    """Grow trees until each is done. `places` number them among all trees of the step, `prompts` are their roots.

    `after_round` hears how many trees are left.
    """
    clock = Clock()
    live = [number for number in range(len(trees)) if not trees[number].is_done]
    began = time.perf_counter()
    while live:
        requests = [trees[number].request() for number in live]
        sampled = _sample(trees, live, places, prompts, requests, engine, draw, clock)
        ended = [trees[n].attach(r, c) for n, r, c in zip(live, requests, sampled, strict=True)]
        verdicts = _judge(trees, live, ended, judge, stop_ids, clock)
        for number, nodes in zip(live, ended, strict=True):
            trees[number].take(nodes, [next(verdicts) for _ in nodes])
        clock.rounds += 1
        live = [number for number in live if not trees[number].is_done]
        after_round(len(live))
    clock.bookkeeping = time.perf_counter() - began - clock.sampling - clock.judging
    return clock


def _judge(
    trees: Sequence[GrowingTree],
    live: Sequence[int],
    ended: Sequence[Sequence[int]],
    judge: Judge,
    stop_ids: Sequence[int],
    clock: Clock,
) -> Iterator[Judged]:
    """The verdicts on the nodes of all live trees at which a response ended, in their order."""
    since = time.perf_counter()
    asked = [
        (number, trees[number].tree.prefix(node), ends_there(trees[number].tree.steps[node].token_ids, stop_ids))
        for number, nodes in zip(live, ended, strict=True)
        for node in nodes
    ]
    verdicts = judge(asked)
    clock.judging += time.perf_counter() - since
    return iter(verdicts)


def _sample(
    trees: Sequence[GrowingTree],
    live: Sequence[int],
    places: Sequence[int],
    prompts: Sequence[Sequence[int]],
    requests: Sequence[Request],
    engine: Engine,
    draw: Draw,
    clock: Clock,
) -> list[list[Completion]]:
    """One call for the expansions of all live trees."""
    prefixes = [[*prompts[n], *trees[n].tree.prefix(r.node)] for n, r in zip(live, requests, strict=True)]
    params = [_params(trees[n], r, places[n], draw) for n, r in zip(live, requests, strict=True)]
    recomputed = engine.counters.prefill_tokens_recomputed
    since = time.perf_counter()
    completions = engine.sample(prefixes, params)
    seconds = time.perf_counter() - since
    clock.sampling += seconds
    recomputed = engine.counters.prefill_tokens_recomputed - recomputed
    clock.recomputed += recomputed
    total = sum(map(len, prefixes))
    for number, prefix in zip(live, prefixes, strict=True):
        trees[number].prefix_tokens += len(prefix)
        trees[number].prefix_recomputed += recomputed * len(prefix) / total
        trees[number].seconds += seconds / len(live)
    return completions


def _params(tree: GrowingTree, request: Request, place: int, draw: Draw) -> SamplingParams:
    return SamplingParams(
        n=request.count,
        max_tokens=request.max_tokens,
        temperature=draw.temperature,
        top_p=draw.top_p,
        top_k=draw.top_k,
        stop_ids=request.stop_ids,
        seed=draw.seed,
        stream=place * STREAM_STRIDE + tree.expansions,
    )
