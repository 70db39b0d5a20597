"""What an arm needs to get to a baseline's plateau, and how that compares with what the baseline itself needed.

The mean curve decides: of a baseline's own seeds, about half level off below the mean of all, and would never arrive.
Pure; higher is better.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from math import sqrt

from webapp.reports.statistics import Curve, first_reached, mean_curve, plateau_of, smoothed, spread_of, window_for

NEAR = 0.95
"""Share of the way from the begin to the plateau that counts as having got there: the rest is crept up to for long."""
TOLERANCE = 2.0
"""Standard deviations of a smoothed point that a curve may fall below the level again."""
SMOOTHED = 3
"""Points a curve is smoothed over at least."""


@dataclass(frozen=True, slots=True)
class Target:
    """A level to get to, and how much single points scatter around it."""

    level: float
    noise: float


@dataclass(frozen=True, slots=True)
class Arrival:
    """Where the mean of an arm gets to a level and stays, and where each of its seeds does; None for never."""

    place: float | None
    seeds: tuple[float | None, ...]

    @property
    def arrived(self) -> list[float]:
        """Places of the seeds that get there by themselves."""
        return [place for place in self.seeds if place is not None]


@dataclass(frozen=True, slots=True)
class Ratio:
    """What one arm needed as a share of what another did; its range when any one seed of either is left out.

    The range is None with a single seed, or where leaving one out leaves nothing to compare.
    """

    value: float
    range: tuple[float, float] | None


def target_of(curves: Sequence[Curve]) -> Target | None:
    """The level near the plateau of these curves over steps; None without one, or when it is not clear of the begin.

    Curves that do not rise are at their plateau from the begin, now and then. Every seed has to gain more than two
    standard deviations of its single points: the begin is one of them.
    """
    plateau = plateau_of(curves)
    if plateau is None:
        return None
    gains = spread_of([level - float(curve.ys[0]) for level, curve in zip(plateau.level.values, curves, strict=True)])
    if gains is None or gains.low <= TOLERANCE * plateau.noise:
        return None
    return Target(plateau.level.mean - (1 - NEAR) * gains.mean, plateau.noise)


def arrival_of(curves: Sequence[Curve], target: Target) -> Arrival | None:
    """None when a seed has no figures, or the seeds have no place in common."""
    tolerance = TOLERANCE * target.noise / sqrt(SMOOTHED)
    even = [Curve(curve.xs, smoothed(curve.ys, window_for(len(curve.ys)))) for curve in curves]
    mean = mean_curve(even)
    if mean is None:
        return None
    place = first_reached(Curve(mean.xs, mean.mean), target.level, tolerance / sqrt(mean.n), window=1)
    return Arrival(place, tuple(first_reached(curve, target.level, tolerance, window=1) for curve in even))


def ratio_of(ours: Sequence[Curve], base: Sequence[Curve], base_steps: Sequence[Curve]) -> Ratio | None:
    """Of the means. ``base_steps`` are the baseline's curves over steps, on which its plateau is measured.

    None unless both get there, and the baseline had to spend something for it.
    """
    value = _ratio(ours, base, base_steps)
    if value is None:
        return None
    others = [
        _ratio(own, _without(base, left_out), _without(base_steps, left_out))
        for left_out in _each(base)
        for own in (_without(ours, index) for index in _each(ours))
    ]
    found = [ratio for ratio in others if ratio is not None]
    known = len(others) > 1 and len(found) == len(others)
    return Ratio(value, (min(found), max(found)) if known else None)


def _ratio(ours: Sequence[Curve], base: Sequence[Curve], base_steps: Sequence[Curve]) -> float | None:
    target = target_of(base_steps)
    if target is None:
        return None
    mine, theirs = arrival_of(ours, target), arrival_of(base, target)
    if mine is None or theirs is None or mine.place is None or not theirs.place:
        return None
    return mine.place / theirs.place


def _each(curves: Sequence[Curve]) -> Sequence[int]:
    """Indices to leave out; nothing is left out of a single one."""
    return range(len(curves)) if len(curves) > 1 else [-1]


def _without(curves: Sequence[Curve], index: int) -> list[Curve]:
    return [curve for place, curve in enumerate(curves) if place != index]
