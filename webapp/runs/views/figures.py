"""A chart's numbers: as a table that a keyboard reaches, and as CSV of every single point."""

import csv
from collections.abc import Iterable, Iterator, Sequence
from itertools import groupby
from operator import itemgetter

from django.http import Http404, HttpRequest, HttpResponse, StreamingHttpResponse
from django.shortcuts import render

from training.events.metrics import metric_info
from webapp.runs import series
from webapp.runs.charts import Drawn, charts_of
from webapp.runs.models import MetricPoint, MetricSeries, Run
from webapp.runs.views.common import get_run, number

TABLE_ROWS = 50
MOST_STEPS = 2**31 - 1

Row = tuple[int, list[float | None]]
"""A step and the chart's figures there."""


def chart_table(request: HttpRequest, run_id: int, key: str) -> HttpResponse:
    """The newest steps before ``before``, each with a link to its rollouts."""
    run = get_run(run_id)
    drawn = _chart(run, key)
    rows = table_rows(run, drawn.names, number(request, "before", MOST_STEPS), TABLE_ROWS)
    context = {
        "run": run,
        "drawn": drawn,
        "columns": [metric_info(name) for name in drawn.names],
        "rows": rows,
        "before": rows[-1][0] if len(rows) == TABLE_ROWS else None,
        "split": "heldout" if drawn.names[0].startswith("heldout/") else "train",
    }
    template = "runs/chart_table_rows.html" if "before" in request.GET else "runs/chart_table.html"
    return render(request, template, context)


def table_rows(run: Run, names: Sequence[str], before: int, most: int) -> list[Row]:
    """Up to ``most`` steps before a step, newest first, with a column for each name."""
    columns = _columns(run, names)
    points = MetricPoint.objects.filter(series__in=list(columns), step__lt=before).order_by("-step")
    found = points.values_list("step", "series_id", "value")[: most * len(names)]
    return list(_wide(found, columns, len(names)))[:most]


def chart_csv(request: HttpRequest, run_id: int, key: str) -> StreamingHttpResponse:
    """Every point as it was reported: neither smoothed nor summed up."""
    run = get_run(run_id)
    names = _chart(run, key).names
    disposition = f'attachment; filename="run-{run.pk}-{key}.csv"'
    return StreamingHttpResponse(
        csv_lines(run, names), content_type="text/csv", headers={"Content-Disposition": disposition}
    )


class Echo:
    """A file for ``csv.writer`` that hands each line back."""

    def write(self, line: str) -> str:
        return line


def csv_lines(run: Run, names: Sequence[str]) -> Iterator[str]:
    """A header, then a line for each step that has any of the metrics."""
    columns = _columns(run, names)
    points = MetricPoint.objects.filter(series__in=list(columns)).order_by("step")
    writer = csv.writer(Echo())
    yield writer.writerow(["step", *names])
    rows = points.values_list("step", "series_id", "value").iterator(chunk_size=5000)
    for step, values in _wide(rows, columns, len(names)):
        yield writer.writerow([step, *("" if value is None else repr(value) for value in values)])


def long_csv(runs: Sequence[int], name: str) -> Iterator[str]:
    """A header, then a line for each point that the runs have of a metric."""
    points = MetricPoint.objects.filter(series__run__in=runs, series__name=name).order_by("series__run_id", "step")
    writer = csv.writer(Echo())
    yield writer.writerow(["run", "step", name])
    for run, step, value in points.values_list("series__run_id", "step", "value").iterator(chunk_size=5000):
        yield writer.writerow([run, step, "" if value is None else repr(value)])


def _columns(run: Run, names: Sequence[str]) -> dict[int, int]:
    """Key of each series → its column."""
    found = MetricSeries.objects.filter(run=run, name__in=names).values_list("pk", "name")
    return {pk: names.index(name) for pk, name in found}


def _wide(points: Iterable[tuple[int, int, float | None]], columns: dict[int, int], width: int) -> Iterator[Row]:
    for step, together in groupby(points, key=itemgetter(0)):
        values: list[float | None] = [None] * width
        for _, series_id, value in together:
            values[columns[series_id]] = value
        yield step, values


def _chart(run: Run, key: str) -> Drawn:
    for drawn in charts_of(series.names_of(run.pk)):
        if drawn.chart.key == key:
            return drawn
    raise Http404(f"run {run.pk} has no chart {key}")
