"""The curves of a report, worked out once for the page's script and for the charts of exported files."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from training.events.metrics import MetricInfo, metric_info
from webapp.reports.definition import Arm
from webapp.reports.evidence import Cell, Evidence, Points
from webapp.reports.statistics import Curve, Floats, MeanCurve, mean_curve
from webapp.runs.axes import Axis

DIGITS = 7
"""Significant ones that are sent: as many as a float of single precision holds."""


COLOURS = 8


@dataclass(frozen=True, slots=True)
class Style:
    """How an arm is drawn: numbers, from 1, of a colour and of a pattern of dashes, so that colour is never alone."""

    colour: int
    dash: int


@dataclass(frozen=True, slots=True)
class SeedLine:
    """One seed's curve. ``runs`` and ``steps`` tell what opens behind a point: its run's number, and the step there."""

    seed: int
    runs: Sequence[int]
    steps: Floats
    curve: Curve

    @property
    def run(self) -> int:
        """The one that the curve ends in."""
        return self.runs[-1]


@dataclass(frozen=True, slots=True)
class ArmLines:
    """An arm's mean and its seeds; ``style`` follows the arm's place."""

    arm: Arm
    style: Style
    mean: MeanCurve | None
    seeds: Sequence[SeedLine]


@dataclass(frozen=True, slots=True)
class Chart:
    """A metric over an axis, with the arms that have figures."""

    info: MetricInfo
    axis: Axis
    arms: Sequence[ArmLines]

    @property
    def key(self) -> str:
        return self.info.name.replace("/", "-")

    def as_json(self) -> dict[str, Any]:
        return {
            "key": self.key,
            "name": self.info.name,
            "title": self.info.title,
            "unit": self.info.unit,
            "axis": self.axis,
            "arms": [_arm_json(lines, self.info.unit == "share") for lines in self.arms],
        }


def style_of(place: int) -> Style:
    """Of the arm at a place: no two of the first 64 look the same."""
    return Style(place % COLOURS + 1, (place + place // COLOURS) % COLOURS + 1)


def charts_of(evidence: Evidence, axis: Axis) -> list[Chart]:
    """A chart for each metric that some run has."""
    return [chart_of(evidence, name, axis) for name in evidence.metrics]


def chart_of(evidence: Evidence, name: str, axis: Axis) -> Chart:
    arms = []
    for place, arm in enumerate(evidence.definition.arms):
        seeds = _seed_lines(evidence, arm, name, axis)
        if seeds:
            arms.append(ArmLines(arm, style_of(place), mean_curve([line.curve for line in seeds]), seeds))
    return Chart(metric_info(name), axis, arms)


def _seed_lines(evidence: Evidence, arm: Arm, name: str, axis: Axis) -> list[SeedLine]:
    lines = []
    for cell in evidence.of(arm.slug):
        points = evidence.points.get((cell.run.pk, name)) if cell.run else None
        if cell.run and points and (curve := points.over(axis)):
            runs, steps = _behind(cell, _steps_of(points, curve, axis))
            lines.append(SeedLine(cell.seed, runs, steps, curve))
    return lines


def _behind(cell: Cell, steps: Floats) -> tuple[list[int], Floats]:
    """Run of each point and the step there: one that goes on from another begins where that one ends."""
    chain = [cell.run] if cell.run else []
    while (before := cell.before) and before.counts and before.run:
        cell, chain = before, [before.run, *chain]
    begins = np.cumsum([0, *(run.step for run in chain[:-1])])
    places = np.maximum(np.searchsorted(begins, steps, side="left") - 1, 0)
    return [chain[place].pk for place in places], steps - begins[places]


def _steps_of(points: Points, curve: Curve, axis: Axis) -> Floats:
    """The step behind each point of a curve over an axis: the last one that had spent as much."""
    if axis == "step":
        return curve.xs
    spent = points.tokens if axis == "tokens" else points.seconds
    known = np.isfinite(spent)
    places = np.searchsorted(spent[known], curve.xs, side="right") - 1
    return points.steps[known][places]


def _arm_json(lines: ArmLines, is_share: bool) -> dict[str, Any]:
    mean = lines.mean
    lowest, highest = (0.0, 1.0) if is_share else (-np.inf, np.inf)
    return {
        "slug": lines.arm.slug,
        "title": lines.arm.title,
        "colour": lines.style.colour,
        "dash": lines.style.dash,
        "mean": mean and {
            "n": mean.n,
            "xs": _numbers(mean.xs),
            "values": _numbers(mean.mean),
            "low": _numbers(mean.low),
            "high": _numbers(mean.high),
            "lower": None if mean.lower is None else _numbers(np.maximum(mean.lower, lowest)),
            "upper": None if mean.upper is None else _numbers(np.minimum(mean.upper, highest)),
        },
        "seeds": [
            {
                "seed": line.seed,
                "runs": line.runs,
                "steps": [int(step) for step in line.steps],
                "xs": _numbers(line.curve.xs),
                "values": _numbers(line.curve.ys),
            }
            for line in lines.seeds
        ],
    }  # fmt: skip


def _numbers(values: Floats) -> list[float]:
    return [float(f"{value:.{DIGITS}g}") for value in values.tolist()]
