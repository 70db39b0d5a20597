"""How well a run predicts people's labels, laid out for its page."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from django.urls import reverse

from webapp.core.errors import UserError
from webapp.labeling.estimates import Estimate, undefined
from webapp.labeling.models import LabelProject, PreferenceReport, RankingsUsed
from webapp.runs.models import Run

NORMAL = 1.959964
"""Quantile of the normal distribution for a 95 % interval."""
SIZE = 240
"""User units of a side of the calibration plot."""
BAR = 160
"""User units from 0 to 100 % in the rows of a table."""


@dataclass(frozen=True, slots=True)
class Row:
    """Decided pairs of one kind, and which share of them is predicted."""

    name: str
    share: Estimate
    pairs: int

    @property
    def at(self) -> float:
        """Of the share, in units of the drawing."""
        return _on(BAR, self.share.value)

    @property
    def low(self) -> float:
        return _on(BAR, self.share.low)

    @property
    def width(self) -> float:
        """Of the interval."""
        return max(round(_on(BAR, self.share.high) - self.low, 1), 1.0)


@dataclass(frozen=True, slots=True)
class CalibrationRow:
    """Pairs that were predicted about equally surely."""

    name: str
    confidence: float
    share: Estimate
    pairs: int

    @property
    def x(self) -> float:
        """Confidence runs from a half to 1."""
        return _on(SIZE, 2 * self.confidence - 1)

    @property
    def y(self) -> float:
        return SIZE - _on(SIZE, self.share.value)

    @property
    def y_low(self) -> float:
        return SIZE - _on(SIZE, self.share.low)

    @property
    def y_high(self) -> float:
        return SIZE - _on(SIZE, self.share.high)


@dataclass(frozen=True, slots=True)
class Wrong:
    """A pair that was predicted badly, with the way to its item where that is still there."""

    told: dict[str, Any]
    address: str


@dataclass(frozen=True, slots=True)
class PreferencesPage:
    """All that the page shows of one evaluation."""

    run: Run
    used: RankingsUsed | None
    steps: list[int]
    """With a report, in order."""
    step: int | None
    report: dict[str, Any]
    accuracy: Estimate
    agreement: Estimate | None
    """How often two people agree about a pair; None where no two labels decide the same one."""
    annotators: list[Row]
    lengths: list[Row]
    calibration: list[CalibrationRow]
    wrong: list[Wrong]

    @property
    def neighbours(self) -> tuple[int | None, int | None]:
        """Steps before and after."""
        if self.step is None:
            return None, None
        place = self.steps.index(self.step)
        before = self.steps[place - 1] if place else None
        return before, self.steps[place + 1] if place + 1 < len(self.steps) else None

    @property
    def calibration_error(self) -> float | None:
        """Mean distance of confidence and observed share, by pairs; None without pairs."""
        pairs = sum(row.pairs for row in self.calibration)
        gaps = (row.pairs * abs(row.confidence - (row.share.value or 0)) for row in self.calibration)
        return sum(gaps) / pairs if pairs else None


def read_preferences(run: Run, query: Mapping[str, str]) -> PreferencesPage:
    """The evaluation at the ``step`` of the query, else the newest. Raises UserError when that step had none."""
    steps = list(PreferenceReport.objects.filter(run=run).values_list("step", flat=True))
    wanted = query.get("step") or ""
    step = int(wanted) if wanted.isdecimal() else (steps[-1] if steps else None)
    if wanted and step not in steps:
        raise UserError(f"Run {run.pk} was not held to labels at step {wanted}.", status=404)
    report = PreferenceReport.objects.get(run=run, step=step).report if step is not None else {}
    agreement = report.get("agreement")
    return PreferencesPage(
        run=run,
        used=RankingsUsed.objects.filter(run=run).first(),
        steps=steps,
        step=step,
        report=report,
        accuracy=_share(report or {"right": 0, "pairs": 0}),
        agreement=_share(agreement) if agreement else None,
        annotators=[_row(each["annotator"] or "nobody named", each) for each in report.get("annotators", [])],
        lengths=[_row(_of_length(each), each) for each in report.get("lengths", []) if each["pairs"]],
        calibration=[_calibration(each) for each in report.get("calibration", []) if each["pairs"]],
        wrong=_wrong(report.get("wrong", [])),
    )


def _row(name: str, counts: Mapping[str, Any]) -> Row:
    return Row(name, _share(counts), counts["pairs"])


def _calibration(counts: Mapping[str, Any]) -> CalibrationRow:
    name = f"{counts['low']:.0%} to {counts['high']:.0%}"
    return CalibrationRow(name, counts["confidence"], _share(counts), counts["pairs"])


def _of_length(counts: Mapping[str, float]) -> str:
    """``chosen longer by 25 % to 50 %``."""
    low, high = counts["low"], counts["high"]
    if low < 0 < high:
        return "about as long"
    side, near, far = ("longer", low, high) if low >= 0 else ("shorter", -high, -low)
    return f"chosen {side} by {near:.0%} to {far:.0%}"


def _wrong(told: Sequence[dict[str, Any]]) -> list[Wrong]:
    there = set(LabelProject.objects.filter(slug__in={each["project"] for each in told}).values_list("slug", flat=True))
    return [
        Wrong(each, reverse("labeling:item", args=[each["project"], each["item"]]) if each["project"] in there else "")
        for each in told
    ]


def _share(counts: Mapping[str, Any]) -> Estimate:
    """`right` of `pairs`, with Wilson's interval: in closed form, since pages do not load a library for it."""
    right, pairs = counts["right"], counts["pairs"]
    if not pairs:
        return undefined("No held-out label decides a pair.")
    value, weight = right / pairs, NORMAL**2 / pairs
    middle = (value + weight / 2) / (1 + weight)
    half = NORMAL * math.sqrt(value * (1 - value) / pairs + weight / (4 * pairs)) / (1 + weight)
    return Estimate(value, pairs, max(middle - half, 0.0), min(middle + half, 1.0))


def _on(length: int, value: float | None) -> float:
    return round(length * (value or 0.0), 1)
