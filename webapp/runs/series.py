"""Curves for charts: reads points, or rollups of 16, 256 or 4,096 steps where points would be too many."""

from collections import defaultdict
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

from django.contrib.postgres.aggregates import ArrayAgg
from django.db.models import F, FloatField, Func, Max, Min, Sum
from django.db.models.functions import NullIf

from webapp.runs.models import ROLLUP_LEVELS, MetricPoint, MetricRollup, MetricSeries

MOST_POINTS = 2000
"""Points a curve may have; a screen shows fewer."""
POINTS = 0
"""The level of the points themselves."""
COUNTERS = frozenset({"tokens/total"})
"""Series that only grow: of a rollup, the last value counts, not the mean."""

Values = list[float | None]


class Real(Func):
    """A float in single precision: seven digits are enough to draw, and half as long to send."""

    template = "(%(expressions)s)::real"
    output_field = FloatField()


@dataclass(slots=True)
class Curve:
    """A metric over steps. ``low`` and ``high`` bound what a point sums up; empty where points are single steps."""

    steps: list[int] = field(default_factory=list)
    values: Values = field(default_factory=list)
    low: Values = field(default_factory=list)
    high: Values = field(default_factory=list)

    def as_json(self) -> dict[str, list[int] | Values]:
        band = {"low": self.low, "high": self.high} if self.low else {}
        return {"steps": self.steps, "values": self.values, **band}


Curves = dict[tuple[int, str], Curve]
"""By run and metric name."""
Rows = Iterable[tuple[Any, ...]]


def level_for(first: int, last: int, most: int = MOST_POINTS) -> int:
    """The finest level at which the steps from ``first`` to ``last`` give at most ``most`` points."""
    for level in (POINTS, *ROLLUP_LEVELS):
        if (max(last - first, 0) >> level) + 1 <= most:
            return level
    return ROLLUP_LEVELS[-1]


def read(
    runs: Collection[int], names: Collection[str], *, level: int = POINTS, first: int = 0, last: int | None = None
) -> Curves:
    """The curves of these metrics of these runs between two steps, at one level. Absent ones are left out."""
    keys = _keys(runs, names)
    rows = _points(keys, first, last) if level == POINTS else _rollups(keys, level, first, last)
    return {keys[pk]: _curve(keys[pk][1], columns) for pk, *columns in rows}


def totals(runs: Collection[int], names: Collection[str], *, level: int = POINTS) -> dict[int, Curve]:
    """For each run the sum of these metrics, at each step or over each rollup."""
    keys = _keys(runs, names)
    if level == POINTS:
        points = MetricPoint.objects.filter(series__in=list(keys)).values_list("series__run_id", "step")
        rows: Rows = points.annotate(Max("step"), Sum("value")).order_by("step")
    else:
        bins = MetricRollup.objects.filter(series__in=list(keys), level=level).values_list("series__run_id", "bin")
        rows = bins.annotate(Max("last_step"), Sum("total")).order_by("bin")
    curves: dict[int, Curve] = defaultdict(Curve)
    for run, _, step, total in rows:
        curves[run].steps.append(step)
        curves[run].values.append(total)
    return curves


def _keys(runs: Collection[int], names: Collection[str]) -> dict[int, tuple[int, str]]:
    rows = MetricSeries.objects.filter(run__in=runs, name__in=names).values_list("pk", "run_id", "name")
    return {pk: (run, name) for pk, run, name in rows}


def _points(keys: Iterable[int], first: int, last: int | None) -> Rows:
    rows = MetricPoint.objects.filter(series__in=list(keys), step__gte=first)
    if last is not None:
        rows = rows.filter(step__lte=last)
    return rows.values_list("series_id").annotate(
        steps=ArrayAgg("step", order_by="step"), values_=ArrayAgg(Real("value"), order_by="step")
    )


def _rollups(keys: Iterable[int], level: int, first: int, last: int | None) -> Rows:
    rows = MetricRollup.objects.filter(series__in=list(keys), level=level, bin__gte=first >> level)
    if last is not None:
        rows = rows.filter(bin__lte=last >> level)
    mean = F("total") / NullIf(F("count"), 0)
    return rows.values_list("series_id").annotate(
        steps=ArrayAgg("last_step", order_by="bin"),
        means=ArrayAgg(Real(mean), order_by="bin"),
        lows=ArrayAgg(Real("minimum"), order_by="bin"),
        highs=ArrayAgg(Real("maximum"), order_by="bin"),
        lasts=ArrayAgg(Real("last"), order_by="bin"),
    )


def _curve(name: str, columns: Sequence[Any]) -> Curve:
    """The curve of one row of arrays: steps and values, or steps, means, lows, highs and lasts."""
    if len(columns) == 2:
        return Curve(*columns)
    steps, means, lows, highs, lasts = columns
    return Curve(steps, lasts) if name in COUNTERS else Curve(steps, means, lows, highs)


@dataclass(frozen=True, slots=True)
class Extent:
    """Smallest and largest value a series ever had."""

    lowest: float | None
    highest: float | None


def extents(runs: Collection[int], names: Collection[str]) -> dict[tuple[int, str], Extent]:
    """Over whole runs, read off the coarsest rollups: a row or a few for each series."""
    rows = (
        MetricRollup.objects.filter(series__run__in=runs, series__name__in=names, level=ROLLUP_LEVELS[-1])
        .values_list("series__run_id", "series__name")
        .annotate(Min("minimum"), Max("maximum"))
    )
    return {(run, name): Extent(low, high) for run, name, low, high in rows}


def names_of(run: int) -> list[str]:
    """Names of all metrics a run has."""
    return list(MetricSeries.objects.filter(run=run).order_by("name").values_list("name", flat=True))
