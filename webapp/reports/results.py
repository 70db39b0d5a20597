"""The figures of a report: for each arm its plateau, what it took to get to the baseline's, and where it ends."""

from collections.abc import Sequence
from dataclasses import dataclass

from training.events.metrics import MetricInfo, metric_info
from webapp.reports.arrival import Arrival, Ratio, arrival_of, ratio_of, target_of
from webapp.reports.definition import Arm
from webapp.reports.evidence import Evidence
from webapp.reports.statistics import (
    Curve,
    Difference,
    Plateau,
    Spread,
    difference_of,
    plateau_of,
    spread_of,
    value_at,
)
from webapp.runs.axes import Axis

SPENT: tuple[Axis, ...] = ("tokens", "time")


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
    reaches: dict[Axis, Arrival | None]
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
    arms = [_figures(evidence, metric, arm, base, equal) for arm in definition.arms]
    return Results(metric, arms, base.level.mean if base else None, equal)


def is_clear(evidence: Evidence, arm: str) -> bool:
    """Whether an arm has a plateau that is better than its begin by more than noise."""
    return target_of(_upward(evidence, arm, "step")) is not None


def arrival(evidence: Evidence, arm: str, of: str, axis: Axis) -> Arrival | None:
    """What an arm takes to get to the plateau of another; None without a plateau or figures."""
    target = target_of(_upward(evidence, of, "step"))
    return arrival_of(_upward(evidence, arm, axis), target) if target else None


def ratio(evidence: Evidence, arm: str, of: str, axis: Axis) -> Ratio | None:
    """That, as a share of what the other took."""
    return ratio_of(_upward(evidence, arm, axis), _upward(evidence, of, axis), _upward(evidence, of, "step"))


def _upward(evidence: Evidence, arm: str, axis: Axis) -> list[Curve]:
    """The arm's curves of the first metric, turned over where lower is better."""
    metric = metric_info(evidence.definition.metrics[0])
    curves = evidence.curves(arm, metric.name, axis)
    return [Curve(curve.xs, -curve.ys) for curve in curves] if metric.direction == "down" else curves


def _figures(
    evidence: Evidence, metric: MetricInfo, arm: Arm, base: Plateau | None, equal: dict[Axis, float | None]
) -> ArmFigures:
    curves = [curve for curve in evidence.curves(arm.slug, metric.name, "step") if curve]
    plateau, other = plateau_of(curves), evidence.definition.base
    best = min if metric.direction == "down" else max
    gap = difference_of(plateau.level.values, base.level.values) if plateau and base and arm != other else None
    return ArmFigures(
        arm=arm,
        is_base=arm == other,
        begin=spread_of([float(curve.ys[0]) for curve in curves]),
        end=spread_of([float(curve.ys[-1]) for curve in curves]),
        best=spread_of([float(best(curve.ys)) for curve in curves]) if metric.direction else None,
        plateau=plateau,
        at_equal={axis: _at(evidence, arm.slug, metric.name, axis, equal[axis]) for axis in SPENT},
        reaches={axis: arrival(evidence, arm.slug, other.slug, axis) for axis in SPENT},
        ratios={axis: ratio(evidence, arm.slug, other.slug, axis) if arm != other else None for axis in SPENT},
        difference=gap,
    )


def _equal(evidence: Evidence, metric: str, axis: Axis) -> float | None:
    """The largest place that every run has reached; None while an arm has no figures.

    Beside arms that generate, those that do not have spent no tokens at all.
    """
    ends: list[float] = []
    arms = evidence.definition.arms
    if axis == "tokens":
        arms = tuple(arm for arm in arms if evidence.generates(arm.slug)) or arms
    for arm in arms:
        curves = evidence.curves(arm.slug, metric, axis)
        if not curves or not all(curves):
            return None
        ends += [float(curve.xs[-1]) for curve in curves]
    return min(ends)


def _at(evidence: Evidence, arm: str, metric: str, axis: Axis, place: float | None) -> Spread | None:
    if place is None:
        return None
    arms = evidence.definition.arms
    if axis == "tokens" and not evidence.generates(arm) and any(evidence.generates(each.slug) for each in arms):
        return spread_of([float(curve.ys[-1]) for curve in evidence.curves(arm, metric, "step") if curve])
    values = [value_at(curve, place) for curve in evidence.curves(arm, metric, axis)]
    return spread_of([value for value in values if value is not None])
