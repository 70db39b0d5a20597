"""Geometry of small drawings made on the server: they need no script, and scale, print and are read out by titles."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from webapp.inspection.group_page import Asked
from webapp.inspection.histogram import Bar

WIDTH, HEIGHT = 480, 88
"""User units of the area drawn in; labels stand below it."""
MOST_DOTS = 100


@dataclass(frozen=True, slots=True)
class DrawnBar:
    """A bar with its place, label and the address of what it counts."""

    x: float
    y: float
    width: float
    height: float
    middle: float
    count: int
    label: str
    href: str


@dataclass(frozen=True, slots=True)
class Dot:
    """A point of a curve that can be opened."""

    x: float
    y: float
    href: str
    title: str
    is_current: bool


@dataclass(frozen=True, slots=True)
class Curve:
    """A curve over steps, and some of its points as links."""

    path: str
    dots: list[Dot]
    first_step: int
    last_step: int


def draw_histogram(bars: Sequence[Bar], address: Callable[[Bar], str]) -> list[DrawnBar]:
    """Bars side by side; few ones do not grow wide."""
    tallest = max((bar.count for bar in bars), default=0)
    slot = WIDTH / max(len(bars), 6)
    room = WIDTH - slot * len(bars)
    drawn = []
    for number, bar in enumerate(bars):
        height = round((HEIGHT - 14) * bar.count / tallest, 1) if tallest else 0.0
        height = max(height, 1.0) if bar.count else 0.0
        x, width = room / 2 + slot * number, slot * (0.7 if len(bars) <= 12 else 0.9)
        middle = x + slot / 2
        drawn.append(
            DrawnBar(round(middle - width / 2, 1), round(HEIGHT - height, 1), round(width, 1), height,
                     round(middle, 1), bar.count, _label(bar), address(bar))
        )  # fmt: skip
    return drawn


def draw_history(history: Sequence[Asked], current: int, address: Callable[[int], str]) -> Curve | None:
    """Pass rate over steps; None when the problem was asked only once. Of very many points some are links."""
    if len(history) < 2:
        return None
    first, last = history[0].step, history[-1].step
    span = max(last - first, 1)

    def place(asked: Asked) -> tuple[float, float]:
        return round(6 + (WIDTH - 12) * (asked.step - first) / span, 1), round(
            6 + (HEIGHT - 12) * (1 - asked.pass_rate), 1
        )

    every = -(-len(history) // MOST_DOTS)
    dots = [
        Dot(
            *place(asked),
            address(asked.group),
            f"step {asked.step}: {asked.pass_rate:.0%} right",
            asked.group == current,
        )
        for number, asked in enumerate(history)
        if number % every == 0 or asked.group == current
    ]
    path = "M" + " ".join("{},{}".format(*place(asked)) for asked in history)
    return Curve(path, dots, first, last)


def _label(bar: Bar) -> str:
    return f"{bar.low:.3g}" if bar.low == bar.high else f"{bar.low:.3g} – {bar.high:.3g}"
