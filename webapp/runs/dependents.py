"""Which runs need a checkpoint of another one that could still be removed."""

from django.db.models import Q, QuerySet

from webapp.runs.models import Run
from webapp.runs.status import TERMINAL

PLACES = (
    "config__model", "config__method__reward__learned__model", "config__method__learned__model",
    "config__selection__measured_by", "config__selection__judge",
)  # fmt: skip
"""Where a run's config may name a checkpoint: its model, a reward model, what an evaluation asks, what chooses its
problems and who judges where there is no answer."""


def dependents_of(run: int, step: int | None = None) -> QuerySet[Run]:
    """Runs that have not ended and name a checkpoint of ``run``: any, or that of ``step``."""
    named = Q(pk__in=[])
    for place in PLACES:
        exact = {f"{place}__kind": "checkpoint", f"{place}__run": run}
        named |= Q(**exact if step is None else exact | {f"{place}__step": step})
    return Run.objects.exclude(status__in=TERMINAL).filter(named)
