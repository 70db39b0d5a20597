"""Figures become points, and points become rollups of 16, 256 and 4,096 steps."""

import math
from collections.abc import Collection, Sequence

from django.db import connection

from training.events import Metrics
from webapp.runs.models import ROLLUP_LEVELS, MetricPoint, MetricRollup, MetricSeries, Run
from workers.ingest.reading import clean

POINTS, ROLLUPS = MetricPoint._meta.db_table, MetricRollup._meta.db_table
NAME_LENGTH = 80
STEP_SECONDS = "time/step_s"
"""Wall-clock seconds of each training step."""


def store_metrics(run: Run, events: Sequence[Metrics]) -> None:
    """Store the figures, bring the rollups up to date, and note each metric's latest value on `run` (unsaved)."""
    values = {
        (clean(name)[:NAME_LENGTH], event.step): value if value is not None and math.isfinite(value) else None
        for event in events
        for name, value in event.values.items()
    }
    if not values:
        return
    series = _series(run, {name for name, _ in values})
    columns = [series[name] for name, _ in values], [step for _, step in values], list(values.values())
    with connection.cursor() as cursor:
        cursor.execute(
            f"INSERT INTO {POINTS} (series_id, step, value) "  # noqa: S608  # only a table's name
            "SELECT * FROM unnest(%s::bigint[], %s::integer[], %s::double precision[]) "
            "ON CONFLICT (series_id, step) DO UPDATE SET value = excluded.value",
            columns,
        )
    refresh_rollups(list(series.values()), first_step=min(step for _, step in values))
    run.latest |= {name: value for (name, _), value in values.items()}
    run.step = max(run.step, *(event.step for event in events))
    _sum_step_seconds(run)


def forget_metrics(run: Run, after: int) -> None:
    """Delete all figures of steps later than `after`, from points, rollups and `run` (unsaved)."""
    series = dict(MetricSeries.objects.filter(run=run).values_list("name", "pk"))
    MetricPoint.objects.filter(series__in=series.values(), step__gt=after)._raw_delete("default")
    for level in ROLLUP_LEVELS:
        MetricRollup.objects.filter(series__in=series.values(), level=level, bin__gte=(after + 1) >> level)._raw_delete(
            "default"
        )
    refresh_rollups(list(series.values()), first_step=after + 1)
    newest = MetricPoint.objects.filter(series__in=series.values()).order_by("series", "-step").distinct("series")
    run.latest = dict(newest.values_list("series__name", "value"))
    MetricSeries.objects.filter(run=run, points=None).exclude(name__in=run.latest).delete()
    run.step = max(after, 0)
    _sum_step_seconds(run)


def refresh_rollups(series: Collection[int], first_step: int) -> None:
    """Write every rollup of these series again that covers `first_step` or a later step.

    Each level is summed up from the one below, in order: a rollup depends on its points alone, not on how
    they happened to arrive, down to the last bit of its sum.
    """
    below = 0
    with connection.cursor() as cursor:
        for level in ROLLUP_LEVELS:
            first = (first_step >> level) << (level - below)
            cursor.execute(
                f"INSERT INTO {ROLLUPS} (series_id, level, bin, minimum, maximum, total, count, last, last_step) "
                f"{_FROM_ROLLUPS if below else _FROM_POINTS} "
                "ON CONFLICT (series_id, level, bin) DO UPDATE SET minimum = excluded.minimum, "
                "maximum = excluded.maximum, total = excluded.total, count = excluded.count, last = excluded.last, "
                "last_step = excluded.last_step",
                {"level": level, "below": below, "bits": level - below, "series": list(series), "first": first},
            )
            below = level


_FROM_POINTS = f"""
    SELECT series_id, %(level)s, step >> %(bits)s, min(value), max(value), coalesce(sum(value ORDER BY step), 0),
           count(value), (array_agg(value ORDER BY step DESC))[1], max(step)
    FROM {POINTS} WHERE series_id = ANY(%(series)s) AND step >= %(first)s GROUP BY series_id, step >> %(bits)s
"""  # noqa: S608
_FROM_ROLLUPS = f"""
    SELECT series_id, %(level)s, bin >> %(bits)s, min(minimum), max(maximum), sum(total ORDER BY bin),
           sum(count), (array_agg(last ORDER BY bin DESC))[1], max(last_step)
    FROM {ROLLUPS} WHERE series_id = ANY(%(series)s) AND level = %(below)s AND bin >= %(first)s
    GROUP BY series_id, bin >> %(bits)s
"""  # noqa: S608


def _series(run: Run, names: Collection[str]) -> dict[str, int]:
    """Keys of the run's series of these names, made where they are new."""
    known = dict(MetricSeries.objects.filter(run=run, name__in=names).values_list("name", "pk"))
    new = [MetricSeries(run=run, name=name) for name in sorted(set(names) - known.keys())]
    return known | {series.name: series.pk for series in MetricSeries.objects.bulk_create(new)}


def _sum_step_seconds(run: Run) -> None:
    coarsest = MetricRollup.objects.filter(
        series__run=run, series__name=STEP_SECONDS, level=ROLLUP_LEVELS[-1]
    ).values_list("total", flat=True)
    run.train_seconds = math.fsum(coarsest)
