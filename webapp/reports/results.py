"""The figures of a report: for each arm its plateau, what it took to get to the baseline's, and where it ends."""

from collections.abc import Sequence
from dataclasses import dataclass

from training.events.metrics import MetricInfo, metric_info
from webapp.reports.definition import Arm
from webapp.reports.evidence import Evidence
from webapp.reports.statistics import (
    Curve,
    Difference,
    Plateau,
    Reached,
    Spread,
    difference_of,
    plateau_of,
    reached,
    spread_of,
    value_at,
)
from webapp.runs.axes import Axis

SPENT: tuple[Axis, ...] = ("tokens", "time")
TOLERANCE = 2.0
"""Standard deviations of a smoothed point that a curve may fall below a level without leaving it."""
SMOOTHED = 3
"""Points over which a plateau's noise is averaged for that; the fewest a curve is smoothed over."""


@dataclass(frozen=True, slots=True)
class Ratio:
    """What an arm needed, as a share of what another needed: of the means, and of the luckiest and unluckiest pair."""

    value: float
    low: float
    high: float


@dataclass(frozen=True, slots=True)
class ArmFigures:
    """One arm, in the first metric of the report."""

    arm: Arm
    is_base: bool
    begin: Spread | None
    end: Spread | None
    best: Spread | None
    plateau: Plateau | None
    at_equal: dict[Axis, Spread | None]
    """Where all runs have spent the same: the most that all of them have."""
    reaches: dict[Axis, Reached | None]
    """What it took to get to the baseline's plateau."""
    ratios: dict[Axis, Ratio | None]
    """That, as a share of what the baseline took."""
    difference: Difference | None
    """To the baseline's plateau."""

    @property
    def n(self) -> int:
        """Seeds with figures."""
        return self.end.n if self.end else 0


@dataclass(frozen=True, slots=True)
class Results:
    """All arms, and what they are compared at."""

    info: MetricInfo
    arms: Sequence[ArmFigures]
    level: float | None
    """The baseline's plateau; None where it has none (yet)."""
    equal: dict[Axis, float | None]
    """Tokens and seconds that every run has reached."""

    def of(self, slug: str) -> ArmFigures:
        return next(figures for figures in self.arms if figures.arm.slug == slug)


def results_of(evidence: Evidence) -> Results:
    """Every figure of the results table."""
    definition = evidence.definition
    metric = metric_info(definition.metrics[0])
    base = plateau_of(evidence.curves(definition.base.slug, metric.name, "step"))
    equal = {axis: _equal(evidence, metric.name, axis) for axis in SPENT}
    needed = {axis: arrivals(evidence, definition.base.slug, axis, base) for axis in SPENT}
    arms = [_figures(evidence, metric, arm, base, equal, needed) for arm in definition.arms]
    return Results(metric, arms, base.level.mean if base else None, equal)


def arrivals(evidence: Evidence, arm: str, axis: Axis, plateau: Plateau | None) -> Reached | None:
    """What each seed of an arm took to get to a plateau; None without a plateau or figures."""
    metric = metric_info(evidence.definition.metrics[0])
    curves = evidence.curves(arm, metric.name, axis)
    if plateau is None or not curves or not all(curves):
        return None
    tolerance = TOLERANCE * plateau.noise / SMOOTHED**0.5
    if metric.direction == "down":
        curves = [Curve(curve.xs, -curve.ys) for curve in curves]
        return reached(curves, -plateau.level.mean, tolerance)
    return reached(curves, plateau.level.mean, tolerance)


def ratio_of(needed: Reached | None, base: Reached | None) -> Ratio | None:
    """None unless every seed of both got there, and the baseline had to do something for it."""
    ours, theirs = needed and needed.spread, base and base.spread
    if not ours or not theirs or theirs.low <= 0:
        return None
    return Ratio(ours.mean / theirs.mean, ours.low / theirs.high, ours.high / theirs.low)


def _figures(
    evidence: Evidence,
    metric: MetricInfo,
    arm: Arm,
    base: Plateau | None,
    equal: dict[Axis, float | None],
    needed: dict[Axis, Reached | None],
) -> ArmFigures:
    curves = [curve for curve in evidence.curves(arm.slug, metric.name, "step") if curve]
    plateau = plateau_of(curves)
    best = min if metric.direction == "down" else max
    reaches = {axis: arrivals(evidence, arm.slug, axis, base) for axis in SPENT}
    is_base = arm == evidence.definition.base
    compared = plateau and base and not is_base
    return ArmFigures(
        arm=arm,
        is_base=is_base,
        begin=spread_of([float(curve.ys[0]) for curve in curves]),
        end=spread_of([float(curve.ys[-1]) for curve in curves]),
        best=spread_of([float(best(curve.ys)) for curve in curves]) if metric.direction else None,
        plateau=plateau,
        at_equal={axis: _at(evidence, arm.slug, metric.name, axis, equal[axis]) for axis in SPENT},
        reaches=reaches,
        ratios={axis: ratio_of(reaches[axis], needed[axis]) for axis in SPENT},
        difference=difference_of(plateau.level.values, base.level.values) if compared and plateau and base else None,
    )


def _equal(evidence: Evidence, metric: str, axis: Axis) -> float | None:
    """The largest place that every run has reached; None while an arm has no figures."""
    ends = []
    for arm in evidence.definition.arms:
        curves = evidence.curves(arm.slug, metric, axis)
        if not curves or not all(curves):
            return None
        ends += [float(curve.xs[-1]) for curve in curves]
    return min(ends)


def _at(evidence: Evidence, arm: str, metric: str, axis: Axis, place: float | None) -> Spread | None:
    if place is None:
        return None
    values = [value_at(curve, place) for curve in evidence.curves(arm, metric, axis)]
    return spread_of([value for value in values if value is not None])
