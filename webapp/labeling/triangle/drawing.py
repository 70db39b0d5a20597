"""Geometry of the chart over the steps, drawn on the server: two panels on one axis, read out by their titles."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from webapp.labeling.estimates import Estimate
from webapp.labeling.triangle.by_step import StepPoint, StepSeries

WIDTH, HEIGHT = 480, 120
"""User units of a panel; labels stand around it."""
GAP = 40
SHIFT = 3
SIDING = "People side with the reward"
INSET = 16
"""Room left and right of the first and last point."""


@dataclass(frozen=True, slots=True)
class Tick:
    """A mark on an axis."""

    at: float
    label: str


@dataclass(frozen=True, slots=True)
class Mark:
    """A point with its interval, and what it says."""

    x: float
    y: float
    low: float
    high: float
    says: str


@dataclass(frozen=True, slots=True)
class Curve:
    """The points of one figure."""

    title: str
    number: int
    """Of its colour."""
    path: str
    marks: list[Mark]


@dataclass(frozen=True, slots=True)
class Panel:
    """An area with its own upright axis."""

    title: str
    top: float
    ticks: list[Tick]
    curves: list[Curve]


@dataclass(frozen=True, slots=True)
class StepChart:
    """Reward above, people below."""

    panels: list[Panel]
    x_ticks: list[Tick]
    height: float


def draw(series: StepSeries) -> StepChart | None:
    """None for fewer than two points, which make no curve."""
    points = series.points
    if len(points) < 2:
        return None
    low, high = points[0].middle, points[-1].middle

    def x_of(point: StepPoint) -> float:
        return round(INSET + (WIDTH - 2 * INSET) * (point.middle - low) / (high - low), 1)

    panels = []
    rewards = _curve("Mean reward", 1, points, lambda point: point.reward, x_of, *_range(points), top=0.0, share=False)
    if rewards.marks:
        least, most = _range(points)
        ticks = [Tick(_y(value, least, most, 0.0), f"{value:.3g}") for value in (least, (least + most) / 2, most)]
        panels.append(Panel("Mean reward", 0.0, ticks, [rewards]))
    top = float(len(panels) * (HEIGHT + GAP))
    shares = (("Wins against others", lambda point: point.win_rate), (SIDING, lambda point: point.agreement))
    people = [
        _curve(title, number, points, figure, x_of, 0.0, 1.0, top=top, share=True, shift=SHIFT * (2 * number - 5))
        for number, (title, figure) in enumerate(shares, start=2)
    ]
    if any(curve.marks for curve in people):
        ticks = [Tick(_y(value, 0.0, 1.0, top), f"{value:.0%}") for value in (0.0, 0.5, 1.0)]
        panels.append(Panel("People", top, ticks, [curve for curve in people if curve.marks]))
    return StepChart(panels, [Tick(x_of(point), point.label) for point in points], len(panels) * (HEIGHT + GAP) - GAP)


def _curve(
    title: str,
    number: int,
    points: Sequence[StepPoint],
    figure: Callable[[StepPoint], Estimate],
    x_of: Callable[[StepPoint], float],
    least: float,
    most: float,
    *,
    top: float,
    share: bool,
    shift: float = 0.0,
) -> Curve:
    """``shift`` moves a curve sideways, so that intervals of two do not hide each other."""
    marks = []
    for point in points:
        told = figure(point)
        if told.value is None:
            continue
        ends = [told.value if end is None else end for end in (told.low, told.high)]
        y, low, high = (_y(value, least, most, top) for value in (told.value, *ends))
        value = f"{told.value:.0%}" if share else f"{told.value:.3g}"
        between = f" ({ends[0]:.0%} to {ends[1]:.0%})" if share else f" ({ends[0]:.3g} to {ends[1]:.3g})"
        marks.append(
            Mark(x_of(point) + shift, y, low, high, f"{title}, step {point.label}: {value}{between}, n = {told.n}")
        )
    path = "M" + " ".join(f"{mark.x},{mark.y}" for mark in marks) if marks else ""
    return Curve(title, number, path, marks)


def _range(points: Sequence[StepPoint]) -> tuple[float, float]:
    """Ends of the axis of rewards."""
    told = [point.reward for point in points]
    ends = [end for each in told for end in (each.value, each.low, each.high) if end is not None]
    if not ends:
        return 0.0, 1.0
    least, most = min(ends), max(ends)
    return (least, most) if most > least else (least - 0.5, most + 0.5)


def _y(value: float, least: float, most: float, top: float) -> float:
    return round(top + HEIGHT * (1 - (value - least) / (most - least)), 1)
