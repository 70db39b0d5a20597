"""Geometry of the charts of evaluations, drawn on the server: they need no script, and are read out by their titles."""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

WIDTH, HEIGHT = 480, 180
"""User units of the area drawn in; labels stand around it."""


@dataclass(frozen=True, slots=True)
class Tick:
    """A mark on an axis."""

    at: float
    label: str
    below: str = ""
    """A second line, such as what the mark means on another scale."""


@dataclass(frozen=True, slots=True)
class Line:
    """A curve, its band and its points."""

    path: str
    band: str
    dots: list[tuple[float, float, str]]
    """x, y and what the point says."""
    label: str
    number: int
    """Of its colour, 1 to 8."""


@dataclass(frozen=True, slots=True)
class Chart:
    """Curves on common axes; y runs from 0 to 1."""

    lines: list[Line]
    x_ticks: list[Tick]
    y_ticks: list[Tick]


@dataclass(frozen=True, slots=True)
class Bar:
    """A bar of the histogram."""

    x: float
    y: float
    width: float
    height: float
    middle: float
    label: str
    count: int


def curves_of(figures: dict[str, Any], which: str) -> list[tuple[str, Sequence[Sequence[float]]]]:
    """pass@k and maj@k of an evaluation, for `draw_curves`; figures that were settled earlier have no maj@k."""
    named = (("pass@k", figures["curve"]), ("maj@k", figures.get("maj_curve")))
    return [(label + which, points) for label, points in named if points]


def draw_curves(curves: Sequence[tuple[str, Sequence[Sequence[float]]]]) -> Chart | None:
    """pass@k or maj@k over k on a logarithmic axis; each curve is (label, [[k, value, low, high], …])."""
    most = max((int(points[-1][0]) for _, points in curves if points), default=1)
    if most < 2:
        return None
    ticks = [Tick(_log_x(k, most), str(k)) for k in (2**i for i in range(most.bit_length())) if k <= most]
    lines = [
        _line(label, points, lambda k: _log_x(k, most), "k = {x:g}", number)
        for number, (label, points) in enumerate(curves)
    ]
    return Chart(lines, ticks, _shares())


def draw_best_of_n(figures: dict[str, Any], which: str = "") -> tuple[Chart, Chart] | None:
    """Gold of the best of n beside pass@n and maj@n, and its proxy, over n with the KL below; None without any."""
    points = figures.get("best_of_n") or []
    if len(points) < 2:
        return None
    most = points[-1]["n"]
    ticks = [Tick(_log_x(each["n"], most), str(each["n"]), f"{each['kl']:.2f}") for each in points]
    curves = [("best of n" + which, [[each["n"], *each["gold"]] for each in points]), *curves_of(figures, which)]
    gold = [
        _line(label, [spot for spot in spots if spot[0] <= most], lambda n: _log_x(n, most), "n = {x:g}", number)
        for number, (label, spots) in enumerate(curves)
    ]
    low, high = min(each["proxy"][1] for each in points), max(each["proxy"][2] for each in points)
    span = (high - low) or 1.0
    scaled = [[each["n"], *((value - low) / span for value in each["proxy"])] for each in points]
    line = _line("learned reward", scaled, lambda n: _log_x(n, most), "n = {x:g}", 3)
    said = [f"n = {each['n']}: {each['proxy'][0]:.3g}" for each in points]
    dots = [(x, y, words) for (x, y, _), words in zip(line.dots, said, strict=True)]
    marks = [Tick(_y(share), f"{low + share * span:.3g}") for share in (0.0, 0.5, 1.0)]
    return Chart(gold, ticks, _shares()), Chart([replace(line, dots=dots)], ticks, marks)


def draw_history(values: Sequence[tuple[str, float]]) -> Chart | None:
    """Values one after another, evenly spaced, a line for each label; None for fewer than two values."""
    if len(values) < 2:
        return None
    points: dict[str, list[list[float]]] = {}
    for place, (label, value) in enumerate(values):
        points.setdefault(label, []).append([place, value, value, value])
    lines = [
        _line(label, spots, lambda x: x * WIDTH / (len(values) - 1), "{y:.0%} right", number)
        for number, (label, spots) in enumerate(points.items())
    ]
    return Chart(lines, [], _shares())


def draw_bars(bars: Sequence[dict[str, Any]]) -> list[Bar]:
    """The histogram of pass rates; few bars do not grow wide."""
    tallest = max((bar["count"] for bar in bars), default=0) or 1
    slot = WIDTH / max(len(bars), 6)
    room = (WIDTH - slot * len(bars)) / 2
    drawn = []
    for number, bar in enumerate(bars):
        height = round((HEIGHT - 24) * bar["count"] / tallest, 1)
        height = max(height, 1.0) if bar["count"] else 0.0
        middle = room + slot * (number + 0.5)
        low, high = bar["low"], bar["high"]
        label = f"{low:.0%}" if low == high else f"{low:.0%}–{high:.0%}"
        width = slot * 0.8
        place = round(middle - width / 2, 1), round(HEIGHT - height, 1), round(width, 1), height, round(middle, 1)
        drawn.append(Bar(*place, label, bar["count"]))
    return drawn


def _line(
    label: str, points: Sequence[Sequence[float]], place: Callable[[float], float], says: str, number: int
) -> Line:
    spots = [
        (round(place(x), 1), _y(y), _y(low), _y(high), says.format(x=x, y=y) + f": {y:.1%}")
        for x, y, low, high in points
    ]
    above, below = [f"{x},{high}" for x, _, _, high, _ in spots], [f"{x},{low}" for x, _, low, _, _ in spots]
    return Line(
        path="M" + " ".join(f"{x},{y}" for x, y, *_ in spots),
        band="M" + " ".join([*above, *reversed(below)]) + "Z",
        dots=[(x, y, said) for x, y, _, _, said in spots],
        label=label,
        number=number % 8 + 1,
    )


def _log_x(k: float, most: int) -> float:
    return round(WIDTH * math.log2(k) / math.log2(most), 1)


def _y(value: float) -> float:
    return round(HEIGHT * (1 - value), 1)


def _shares() -> list[Tick]:
    return [Tick(_y(share), f"{share:.0%}") for share in (0.0, 0.25, 0.5, 0.75, 1.0)]
