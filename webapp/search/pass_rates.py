"""Histogram of pass rates at two looks, side by side: geometry for a drawing made on the server."""

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass

from webapp.search.models import HardSubset

WIDTH, HEIGHT = 560, 120
"""User units of the area drawn in; labels stand below it."""
TOP = 16
MOST_LABELS = 17
"""Counts of right samples that still get a label each."""


@dataclass(frozen=True, slots=True)
class Bar:
    """A bar of one look, with the number above it."""

    x: float
    y: float
    width: float
    height: float
    middle: float
    count: int


@dataclass(frozen=True, slots=True)
class Slot:
    """All problems with the same count of right samples."""

    x: float
    width: float
    middle: float
    right: int
    label: str
    """Empty where labels would touch."""
    hard: bool
    now: Bar
    before: Bar | None


def spread_of(look: HardSubset) -> list[int]:
    """How many problems of a look had 0, 1, … right samples."""
    found = Counter(look.right)
    return [found[right] for right in range(look.samples + 1)]


def draw_pass_rates(now: HardSubset, before: HardSubset | None, is_hard: Callable[[int, int], bool]) -> list[Slot]:
    """A slot for each count; the look before is drawn where it took as many samples."""
    counts = spread_of(now)
    earlier = spread_of(before) if before is not None and before.samples == now.samples else []
    tallest = max((*counts, *earlier, 1))
    width = WIDTH / len(counts)
    every = -(-len(counts) // MOST_LABELS)

    def bar(slot: int, count: int, part: int) -> Bar:
        bars = 2 if earlier else 1
        one = width * 0.8 / bars
        x = width * (slot + 0.1) + one * part
        height = max((HEIGHT - TOP) * count / tallest, 1.0 if count else 0.0)
        return Bar(_r(x), _r(HEIGHT - height), _r(one * 0.94), _r(height), _r(x + one * 0.47), count)

    return [
        Slot(
            x=_r(width * right),
            width=_r(width),
            middle=_r(width * (right + 0.5)),
            right=right,
            label=str(right) if right % every == 0 else "",
            hard=is_hard(right, now.samples),
            now=bar(right, count, 1 if earlier else 0),
            before=bar(right, earlier[right], 0) if earlier else None,
        )
        for right, count in enumerate(counts)
    ]


def _r(value: float) -> float:
    return round(value, 1)
