"""When a run's responses first looked back at themselves, word by word."""

from functools import reduce
from operator import or_

from django.db.models import Min, Q

from training.events.metrics import REFLECTIVE_WORDS
from webapp.runs.models import ROLLUP_LEVELS, MetricPoint, MetricRollup, Run

NAMES = {f"reflection/{word}_per_1k": word for word in REFLECTIVE_WORDS}


def first_appearances(run: Run) -> list[tuple[str, int]]:
    """Reflective words and the step at which each was first said, earliest first.

    The finest rollups say between which 16 steps that was, so that few points are looked at.
    """
    level = ROLLUP_LEVELS[0]
    said = MetricRollup.objects.filter(series__run=run, series__name__in=NAMES, level=level, maximum__gt=0)
    bins = dict(said.values_list("series").annotate(Min("bin")))
    if not bins:
        return []
    within = (Q(series=pk, step__gte=first << level, step__lt=(first + 1) << level) for pk, first in bins.items())
    points = MetricPoint.objects.filter(reduce(or_, within), value__gt=0)
    firsts = points.values_list("series__name").annotate(first=Min("step")).order_by("first", "series__name")
    return [(NAMES[name], step) for name, step in firsts]
