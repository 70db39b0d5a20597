"""Histogram of rewards: one bar a value where there are few values, equal bins where there are many."""

from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

MOST_VALUES = 12
"""Distinct rewards that still get a bar each; rewards by rule have few."""
BINS = 20


@dataclass(frozen=True, slots=True)
class Bar:
    """How many rewards lie from ``low`` up to ``high`` (the last bar holds its upper end, too)."""

    low: float
    high: float
    count: int
    least: float
    most: float
    """Smallest and largest reward counted: the list of rollouts between them has exactly ``count``."""


def histogram(counts: Sequence[tuple[float, int]]) -> list[Bar]:
    """Bars for distinct rewards, in ascending order, with how often each occurs."""
    if len(counts) <= MOST_VALUES:
        return [Bar(value, value, count, value, value) for value, count in counts]
    lowest, highest = counts[0][0], counts[-1][0]
    edges = [lowest + (highest - lowest) * number / BINS for number in range(BINS + 1)]
    held: list[list[tuple[float, int]]] = [[] for _ in range(BINS)]
    for value, count in counts:
        held[min(bisect_right(edges, value), BINS) - 1].append((value, count))
    return [
        Bar(low, high, sum(count for _, count in inside), *((inside[0][0], inside[-1][0]) if inside else (low, low)))
        for (low, high), inside in zip(pairwise(edges), held, strict=True)
    ]


def median_of(counts: Sequence[tuple[float, int]]) -> float | None:
    """The lower median of distinct values with their counts, in ascending order: a value that occurs."""
    half = (sum(count for _, count in counts) + 1) // 2
    for value, count in counts:
        half -= count
        if half <= 0:
            return value
    return None
