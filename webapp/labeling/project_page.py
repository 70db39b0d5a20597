"""What the page of a project shows: how far it is, who labels and how fast, what was flagged and skipped."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db.models import Aggregate, Count, F, FloatField, Max, PositiveIntegerField, Q, QuerySet, Sum
from django.db.models.functions import Coalesce, Least
from django.utils import timezone

from webapp.accounts.models import User
from webapp.labeling.choices import AnnotationKind, AssignmentState, SkipReason
from webapp.labeling.models import Annotation, Assignment, Flag, LabelItem, LabelProject

MOST_LISTED = 50
"""Flags and reservations that the page lists; the list of items finds the others."""


class Median(Aggregate):
    """The middle value, between two where they are even in number."""

    function = "PERCENTILE_CONT"
    template = "%(function)s(0.5) WITHIN GROUP (ORDER BY %(expressions)s)"
    output_field = FloatField()


@dataclass(frozen=True, slots=True)
class ItemCounts:
    """Items by how far they are; those set aside stand in ``aside`` alone."""

    total: int
    complete: int
    begun: int
    """Some labels, not all that are wanted."""
    untouched: int
    aside: int
    labels: int
    wanted: int

    @property
    def in_queue(self) -> int:
        return self.total - self.aside


@dataclass(frozen=True, slots=True)
class LabelerRow:
    """What one person did in the project."""

    annotator: User
    labels: int
    repeated: int
    skipped: int
    flags: int
    too_fast: int
    median_seconds: float | None
    latest: datetime | None


@dataclass(frozen=True, slots=True)
class ProjectPage:
    """All figures of the page."""

    items: ItemCounts
    labelers: list[LabelerRow]
    median_seconds: float | None
    """Of all labels, repeats not counted."""
    flags: list[Flag]
    flag_count: int
    skips: list[tuple[str, int]]
    """Reason and how often, the most frequent first."""
    reservations: list[Assignment]
    reservation_count: int


def read_page(project: LabelProject) -> ProjectPage:
    """Everything that the page of a project shows."""
    labels = Annotation.objects.filter(item__project=project, withdrawn_at=None, kind=AnnotationKind.LABEL)
    flags = Flag.objects.filter(assignment__project=project)
    running = project.assignments.filter(state=AssignmentState.RESERVED, reserved_until__gt=timezone.now())
    return ProjectPage(
        items=count_items(project.items.all()),
        labelers=_labelers(project, labels, flags),
        median_seconds=labels.aggregate(median=Median("seconds"))["median"],
        flags=list(flags.select_related("assignment__item", "assignment__annotator").order_by("-pk")[:MOST_LISTED]),
        flag_count=flags.count(),
        skips=_skips(project),
        reservations=list(running.select_related("item", "annotator").order_by("reserved_until")[:MOST_LISTED]),
        reservation_count=running.count(),
    )


def count_items(items: QuerySet[LabelItem]) -> ItemCounts:
    """How far these items are; labels beyond those wanted do not make up for missing ones."""
    live = Q(set_aside=False)
    counted = items.annotate(goal=Coalesce("wanted", "project__overlap")).aggregate(
        total=Count("pk"),
        complete=Count("pk", filter=live & Q(submitted__gte=F("goal"))),
        begun=Count("pk", filter=live & Q(submitted__gt=0, submitted__lt=F("goal"))),
        untouched=Count("pk", filter=live & Q(submitted=0, goal__gt=0)),
        aside=Count("pk", filter=Q(set_aside=True)),
        labels=Coalesce(Sum(Least("submitted", "goal", output_field=PositiveIntegerField()), filter=live), 0),
        all_wanted=Coalesce(Sum("goal", filter=live), 0),
    )
    wanted = counted.pop("all_wanted")
    return ItemCounts(**counted, wanted=wanted)


def _labelers(project: LabelProject, labels: QuerySet[Annotation], flags: QuerySet[Flag]) -> list[LabelerRow]:
    """Everybody who was given an item, the busiest first."""
    states = AssignmentState
    done: dict[int, dict[str, Any]] = {
        row.pop("annotator"): row
        for row in project.assignments.order_by()
        .values("annotator")
        .annotate(
            labels=Count("pk", filter=Q(state=states.SUBMITTED, repeat_of=None)),
            repeated=Count("pk", filter=Q(state=states.SUBMITTED, repeat_of__isnull=False)),
            skipped=Count("pk", filter=Q(state=states.SKIPPED)),
        )
    }
    pace = {
        row.pop("annotator"): row
        for row in labels.order_by()
        .values("annotator")
        .annotate(
            median_seconds=Median("seconds"),
            too_fast=Count("pk", filter=Q(seconds__lt=project.too_fast_seconds)),
            latest=Max("submitted_at"),
        )
    }
    flagged = flags.order_by().values("assignment__annotator").annotate(count=Count("pk"))
    flags_by = dict(flagged.values_list("assignment__annotator", "count"))
    nothing = {"median_seconds": None, "too_fast": 0, "latest": None}
    users = User.objects.in_bulk(list(done))
    rows = [
        LabelerRow(users[pk], flags=flags_by.get(pk, 0), **row, **pace.get(pk, nothing)) for pk, row in done.items()
    ]
    return sorted(rows, key=lambda row: (-row.labels, row.annotator.username))


def _skips(project: LabelProject) -> list[tuple[str, int]]:
    skipped = project.assignments.filter(state=AssignmentState.SKIPPED)
    counted = skipped.order_by().values("skip_reason").annotate(count=Count("pk")).order_by("-count")
    return [(SkipReason(row["skip_reason"]).label, row["count"]) for row in counted]
