"""Figures that take seconds to compute: kept with the state of the labels they rest on, computed anew when it changes.

While labels come in, the state changes with each. Figures that took long are then shown for a while with a word of how
old they are, so that no more than a small share of the time goes into computing them.
"""

from collections.abc import Callable
from time import perf_counter
from typing import Any, Literal

from django.db import connection, transaction
from django.db.models import Count, Max, Q, Sum
from django.utils import timezone

from webapp.labeling.choices import AnnotationKind
from webapp.labeling.latest_scores import latest_scoring
from webapp.labeling.models import Annotation, ItemResponse, LabelProject, LabelStatistics

Kind = Literal["agreement", "strengths", "disputes"]
Content = dict[str, Any]
Compute = Callable[[LabelProject], Content]
VERSION = 1
"""Counted up when the content's shape or its figures change."""
QUICK_SECONDS = 1.0
"""What takes less is always computed anew."""
SPARED = 20
"""Figures stay for so many times the seconds that they took."""


def label_state(project: LabelProject, kind: Kind) -> str:
    """Tells one state of the labels from another: their number, the latest, those withdrawn or set aside, and so on.

    Disputes rest on labelers' labels and on rewards; adjudicating an item changes neither.
    """
    rows = Annotation.objects.filter(item__project=project)
    if kind == "disputes":
        rows = rows.exclude(kind=AnnotationKind.ADJUDICATED)
    of = rows.aggregate(count=Count("pk"), last=Max("pk"), withdrawn=Count("pk", filter=Q(withdrawn_at__isnull=False)))
    aside = project.items.filter(set_aside=True).aggregate(count=Count("pk"), sum=Sum("number"))
    parts: list[object] = [
        VERSION,
        project.mode,
        of["count"],
        of["last"] or 0,
        of["withdrawn"],
        aside["count"],
        aside["sum"] or 0,
    ]
    if kind == "agreement":
        parts += [project.too_fast_seconds]
    elif kind == "disputes":
        told = ItemResponse.objects.filter(item__project=project)
        parts += [latest_scoring(project)]
        parts += told.aggregate(
            n=Count("reward"), sum=Sum("reward"), right=Count("pk", filter=Q(correct=True))
        ).values()
    return "/".join(map(str, parts))


def kept(project: LabelProject, kind: Kind) -> LabelStatistics | None:
    """What was last computed."""
    return LabelStatistics.objects.filter(project=project, kind=kind).first()


def is_fresh(found: LabelStatistics, state: str) -> bool:
    """Whether to show these figures: they are current, or took so long that they may stay a while."""
    age = (timezone.now() - found.computed_at).total_seconds()
    return found.state == state or (
        found.seconds >= QUICK_SECONDS and age < SPARED * found.seconds and found.state.startswith(f"{VERSION}/")
    )


def computed(project: LabelProject, kind: Kind, compute: Compute, *, again: bool = False) -> LabelStatistics:
    """The figures, from store where they are fresh and nobody wants them ``again``."""
    state = label_state(project, kind)
    found = _usable(project, kind, state, again)
    if found is not None:
        return found
    with transaction.atomic(), connection.cursor() as cursor:
        # Who comes while another computes the same waits for it, and takes what it found.
        cursor.execute("SELECT pg_advisory_xact_lock(hashtext(%s))", [f"label statistics {project.pk} {kind}"])
        # Before the labels are read: what comes meanwhile is not in the figures.
        state = label_state(project, kind)
        return _usable(project, kind, state, again) or _computed(project, kind, state, compute)


def _usable(project: LabelProject, kind: Kind, state: str, again: bool) -> LabelStatistics | None:
    found = kept(project, kind)
    if found is None or not is_fresh(found, state) or (again and found.state != state):
        return None
    return found


def _computed(project: LabelProject, kind: Kind, state: str, compute: Compute) -> LabelStatistics:
    begun = perf_counter()
    content = compute(project)
    made, _ = LabelStatistics.objects.update_or_create(
        project=project,
        kind=kind,
        defaults={
            "state": state,
            "content": content,
            "computed_at": timezone.now(),
            "seconds": perf_counter() - begun,
        },
    )
    return made
