"""Last and best figures of several runs, and how far each is from a baseline."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from training.events.metrics import METRICS, MetricInfo, metric_info
from webapp.runs.charts import AXES, CHARTS
from webapp.runs.models import MetricSeries, Run
from webapp.runs.series import Extent, extents


@dataclass(frozen=True, slots=True)
class Cell:
    """A metric of one run. Changes are relative to the baseline; None where either is missing or the baseline is 0."""

    last: float | None
    best: float | None
    """The highest or lowest value of the run, where one of them is better."""
    last_change: float | None
    best_change: float | None
    is_baseline: bool


@dataclass(frozen=True, slots=True)
class Figures:
    """A metric over all compared runs."""

    info: MetricInfo
    cells: Sequence[Cell]


def metrics_of(runs: Sequence[Run]) -> list[str]:
    """Every metric that any of the runs has, in the order of the table of metrics; bounds and axes left out."""
    names = set(MetricSeries.objects.filter(run__in=runs).values_list("name", flat=True))
    left_out = AXES | {bound for chart in CHARTS for bound in chart.band or ()}
    order = {name: position for position, name in enumerate(METRICS)}
    return sorted(names - left_out, key=lambda name: (order.get(name, len(order)), name))


def figures_of(runs: Sequence[Run], baseline: Run | None, names: Sequence[str]) -> list[Figures]:
    """A row for each metric, a cell for each run."""
    if baseline is None:
        return []
    bounds = extents([run.pk for run in runs], names)
    table = []
    for name in names:
        info = metric_info(name)
        base = baseline.latest.get(name), best_of(info, bounds, baseline)
        table.append(Figures(info, [_cell(info, bounds, run, base, run == baseline) for run in runs]))
    return table


def best_of(info: MetricInfo, bounds: Mapping[tuple[int, str], Extent], run: Run) -> float | None:
    """The best value of a run; None where neither direction is better."""
    extent = bounds.get((run.pk, info.name))
    if extent is None or not info.direction:
        return None
    return extent.highest if info.direction == "up" else extent.lowest


def change(value: float | None, base: float | None) -> float | None:
    """How much larger ``value`` is, as a share of the size of ``base``."""
    if value is None or base is None or base == 0:
        return None
    return (value - base) / abs(base)


def _cell(
    info: MetricInfo,
    bounds: Mapping[tuple[int, str], Extent],
    run: Run,
    base: tuple[float | None, float | None],
    is_baseline: bool,
) -> Cell:
    last, best = run.latest.get(info.name), best_of(info, bounds, run)
    return Cell(last, best, change(last, base[0]), change(best, base[1]), is_baseline)
