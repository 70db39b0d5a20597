"""Figures of a preflight, laid out for a drawing: the lengths against the cap, and the rewards."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

WIDTH, HEIGHT, FOOT = 320, 90, 14
"""Of a drawing, in its own units; the foot holds the numbers under the axis."""
MOST_REWARDS = 12
"""Different rewards that are listed one by one."""


@dataclass(frozen=True, slots=True)
class Bar:
    """A bar of a histogram, in units of the drawing."""

    x: float
    y: float
    width: float
    height: float
    words: str
    beyond: bool
    """It holds what reached the cap."""


@dataclass(frozen=True, slots=True)
class Histogram:
    """A drawing of counts, with the numbers for those who do not see it."""

    bars: list[Bar]
    cap: float
    """Where the cap's line stands, in units of the drawing."""
    first: int
    last: int
    summary: str


def length_histogram(report: Mapping[str, Any]) -> Histogram:
    """Of a report's lengths, against the longest length the config allows."""
    edges, counts, cap = report["histogram"]["edges"], report["histogram"]["counts"], report["max_tokens"]
    most, span = max(counts) or 1, edges[-1] - edges[0] or 1
    bars = []
    for low, high, count in zip(edges, edges[1:], counts, strict=False):
        x, width = WIDTH * (low - edges[0]) / span, WIDTH * (high - low) / span
        height = (HEIGHT - FOOT) * count / most
        words = f"{low + 1:,} to {high:,} tokens: {count:,}"
        bars.append(Bar(round(x, 2), round(HEIGHT - FOOT - height, 2), round(max(width - 1, 0.5), 2), round(height, 2),
                        words, high > cap or (high == cap and bool(report.get("truncated_share")))))  # fmt: skip
    at_cap = WIDTH * min(cap, edges[-1]) / edges[-1]
    return Histogram(bars, round(at_cap, 2), edges[0], edges[-1], _summary(report["lengths"], cap))


def reward_counts(report: Mapping[str, Any]) -> list[tuple[str, int, float]]:
    """Rewards from the lowest to the highest: value, count and share; close ones together when there are many."""
    rewards = [response["reward"] for sample in report["samples"] for response in sample["responses"]]
    counts = Counter(round(reward, 2) for reward in rewards)
    if len(counts) > MOST_REWARDS:
        low, high = min(rewards), max(rewards)
        step = (high - low) / MOST_REWARDS
        counts = Counter(round(low + step * min(int((r - low) / step), MOST_REWARDS - 1), 2) for r in rewards)
    return [(f"{value:g}", counts[value], counts[value] / len(rewards)) for value in sorted(counts)]


def examples(report: Mapping[str, Any], count: int = 4) -> list[dict[str, Any]]:
    """A few problems, each with its best and its worst response; those where the two differ come first."""

    def spread(sample: Mapping[str, Any]) -> float:
        rewards = [response["reward"] for response in sample["responses"]]
        return float(max(rewards) - min(rewards))

    chosen = sorted(report["samples"], key=spread, reverse=True)[:count]
    return [sample | {"shown": _best_and_worst(sample["responses"])} for sample in chosen]


def _best_and_worst(responses: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    ordered = sorted(responses, key=lambda response: -response["reward"])
    return ordered if len(ordered) < 2 else [ordered[0], ordered[-1]]


def _summary(lengths: Sequence[int], cap: int) -> str:
    ordered = sorted(lengths)
    return (
        f"{len(ordered):,} lengths: median {ordered[len(ordered) // 2]:,} tokens, longest {ordered[-1]:,}, "
        f"of {cap:,} allowed"
    )
