"""Curves over seeds: means with intervals, plateaus, when a level is reached, differences. Pure; numpy only.

Nothing is taken from the future: between two points of a curve its value is that of the earlier one.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from math import sqrt
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from webapp.reports.quantiles import t975

Floats = NDArray[np.float64]
Interval = tuple[float, float]
MOST_PLACES = 240
"""Places at which a mean curve is worked out; a chart shows fewer."""
QUARTER = 0.25
"""The part of a curve, at its end, that its plateau is measured on."""
FEWEST_ON_PLATEAU = 3
"""Points a seed needs there."""
Trend = Literal["flat", "rising", "falling", "unknown"]


@dataclass(frozen=True, slots=True)
class Curve:
    """A metric of one run over steps, tokens or seconds; ``xs`` ascend, all is finite."""

    xs: Floats
    ys: Floats

    def __bool__(self) -> bool:
        return len(self.xs) > 0


@dataclass(frozen=True, slots=True)
class Spread:
    """One figure over seeds. ``interval`` is the 95 % t interval of the mean; None with a single seed."""

    values: tuple[float, ...]
    mean: float
    low: float
    high: float
    interval: Interval | None

    @property
    def n(self) -> int:
        return len(self.values)


@dataclass(frozen=True, slots=True)
class Difference:
    """Of two means, with Welch's 95 % interval; None where either has a single seed."""

    value: float
    interval: Interval | None

    @property
    def is_clear(self) -> bool:
        """Whether the interval leaves out 0."""
        return self.interval is not None and (self.interval[0] > 0 or self.interval[1] < 0)


@dataclass(frozen=True, slots=True)
class MeanCurve:
    """The mean over seeds, where all of them have figures."""

    xs: Floats
    mean: Floats
    low: Floats
    high: Floats
    lower: Floats | None
    """Ends of the 95 % t interval; None with a single seed."""
    upper: Floats | None
    n: int


@dataclass(frozen=True, slots=True)
class Plateau:
    """The mean of the last quarter of each seed's curve, and whether the curves still move there."""

    level: Spread
    trend: Trend
    change: float
    """How much the common straight line through the quarter rises from its begin to its end."""
    noise: float
    """Standard deviation of single points around that line."""


def curve_of(xs: Sequence[Any] | Floats, ys: Sequence[Any] | Floats, until: float | None = None) -> Curve:
    """A curve of points in any order: those that are not finite are dropped, of equal ``xs`` the last one is kept."""
    places, values = np.asarray(xs, float), np.asarray([np.nan if y is None else y for y in ys], float)
    kept = np.isfinite(places) & np.isfinite(values)
    if until is not None:
        kept &= places <= until
    places, values = places[kept], values[kept]
    order = np.argsort(places, kind="stable")
    places, values = places[order], values[order]
    last = np.append(places[1:] != places[:-1], True) if len(places) else np.zeros(0, bool)
    return Curve(places[last], values[last])


def value_at(curve: Curve, x: float) -> float | None:
    """The latest value that was known at ``x``; None before the first point."""
    index = int(np.searchsorted(curve.xs, x, side="right")) - 1
    return float(curve.ys[index]) if index >= 0 else None


def spread_of(values: Sequence[float]) -> Spread | None:
    """Mean, range and interval of one figure over seeds; None of none."""
    if not values:
        return None
    array = np.asarray(values, float)
    mean = float(array.mean())
    half = _half_width(array)
    interval = None if half is None else (mean - half, mean + half)
    return Spread(tuple(array.tolist()), mean, float(array.min()), float(array.max()), interval)


def difference_of(values: Sequence[float], baseline: Sequence[float]) -> Difference | None:
    """How much larger the mean of ``values`` is, with Welch's interval (unequal spreads)."""
    if not values or not baseline:
        return None
    a, b = np.asarray(values, float), np.asarray(baseline, float)
    value = float(a.mean() - b.mean())
    if len(a) < 2 or len(b) < 2:
        return Difference(value, None)
    parts = a.var(ddof=1) / len(a), b.var(ddof=1) / len(b)
    total = float(sum(parts))
    if total == 0:
        return Difference(value, (value, value))
    freedom = total**2 / (parts[0] ** 2 / (len(a) - 1) + parts[1] ** 2 / (len(b) - 1))
    half = t975(freedom) * sqrt(total)
    return Difference(value, (value - half, value + half))


def mean_curve(curves: Sequence[Curve], most: int = MOST_PLACES) -> MeanCurve | None:
    """Mean, range and interval over seeds, from where the last of them begins to where the first one ends."""
    if not curves or not all(curves):
        return None
    xs = common_places(curves, most)
    if not len(xs):
        return None
    rows = np.stack([curve.ys[np.searchsorted(curve.xs, xs, side="right") - 1] for curve in curves])
    mean, n = rows.mean(axis=0), len(curves)
    half = t975(n - 1) * rows.std(axis=0, ddof=1) / sqrt(n) if n > 1 else None
    lower, upper = (None, None) if half is None else (mean - half, mean + half)
    return MeanCurve(xs, mean, rows.min(axis=0), rows.max(axis=0), lower, upper, n)


def common_places(curves: Sequence[Curve], most: int = MOST_PLACES) -> Floats:
    """The places of all points in the common part, or as many evenly spaced ones when there are more than ``most``."""
    begin, end = max(curve.xs[0] for curve in curves), min(curve.xs[-1] for curve in curves)
    if begin > end:
        return np.zeros(0)
    places = np.unique(np.concatenate([curve.xs for curve in curves]))
    places = places[(places >= begin) & (places <= end)]
    return places if len(places) <= most else np.linspace(begin, end, most)


def smoothed(ys: Floats, window: int) -> Floats:
    """At each point the mean of the last ``window`` points, fewer at the begin."""
    sums = np.concatenate([[0.0], np.cumsum(ys)])
    ends = np.arange(1, len(ys) + 1)
    begins = np.maximum(ends - window, 0)
    return np.asarray((sums[ends] - sums[begins]) / (ends - begins), float)


def window_for(points: int) -> int:
    """Points that a curve is smoothed over before one asks when it reached a level: three, or a twentieth."""
    return max(3, points // 20)


def first_reached(curve: Curve, level: float, tolerance: float = 0.0, window: int | None = None) -> float | None:
    """Where the smoothed curve gets to ``level`` and from then on never falls ``tolerance`` below it."""
    if not curve:
        return None
    ys = smoothed(curve.ys, window or window_for(len(curve.ys)))
    lowest_after = np.minimum.accumulate(ys[::-1])[::-1]
    stays = np.flatnonzero((ys >= level) & (lowest_after >= level - tolerance))
    return float(curve.xs[stays[0]]) if len(stays) else None


def plateau_of(curves: Sequence[Curve]) -> Plateau | None:
    """Where the curves level off; None when a seed has too few points in its last quarter.

    The trend is that of one straight line with a height of its own for each seed: it is flat where the 95 % interval
    of its slope holds 0. With too few points to tell, it is unknown.
    """
    ends = [last_part(curve) for curve in curves]
    if not ends or any(len(end.xs) < FEWEST_ON_PLATEAU for end in ends):
        return None
    level = spread_of([float(end.ys.mean()) for end in ends])
    if level is None:
        return None
    xs = np.concatenate([end.xs - end.xs.mean() for end in ends])
    ys = np.concatenate([end.ys - end.ys.mean() for end in ends])
    width = float(np.mean([end.xs[-1] - end.xs[0] for end in ends]))
    freedom, wide = len(xs) - len(ends) - 1, float(xs @ xs)
    slope = float(xs @ ys) / wide if wide else 0.0
    if freedom < 1 or not wide:
        return Plateau(level, "unknown", slope * width, 0.0)
    noise = sqrt(float(np.sum((ys - slope * xs) ** 2)) / freedom)
    half = t975(freedom) * noise / sqrt(wide)
    trend: Trend = "flat" if abs(slope) <= half else "rising" if slope > 0 else "falling"
    return Plateau(level, trend, slope * width, noise)


def last_part(curve: Curve, share: float = QUARTER) -> Curve:
    """The last quarter of a curve by its ``xs``."""
    if not curve:
        return curve
    begin = curve.xs[-1] - share * (curve.xs[-1] - curve.xs[0])
    kept = curve.xs >= begin
    return Curve(curve.xs[kept], curve.ys[kept])


def _half_width(values: Floats) -> float | None:
    if len(values) < 2:
        return None
    return t975(len(values) - 1) * float(values.std(ddof=1)) / sqrt(len(values))
