"""What the list of runs can be narrowed down by, sorted by and grouped by."""

from collections.abc import Sequence
from typing import Any, cast

import django_filters
from django.db.models import Avg, Case, Count, DurationField, F, FloatField, Max, Q, QuerySet, StdDev, When
from django.db.models.fields.json import KeyTextTransform
from django.db.models.functions import Cast, Coalesce, Now
from django.http import HttpRequest

from webapp.runs.charts import SCORE
from webapp.runs.models import Run
from webapp.runs.status import TERMINAL, RunStatus

SORTS = {
    "name": "name",
    "status": "status",
    "method": "method",
    "problems": "problems",
    "step": "step",
    "score": "score",
    "started": "started_at",
    "duration": "duration",
    "group": "group",
    "id": "pk",
}
"""Name in the address → column."""
COMPUTED = {
    "score": Cast(KeyTextTransform(SCORE, "latest"), FloatField()),
    "duration": Case(
        When(started_at=None, then=None),
        # As progress.seconds_taken has it.
        default=Coalesce("ended_at", Case(When(status=RunStatus.QUEUED, then="heartbeat_at")), Now())
        - F("started_at")
        - F("idle"),
        output_field=DurationField(),
    ),
}
"""Columns that are no fields."""
NULLABLE = frozenset({"score", "started_at", "duration"})
EVALUATION = "evaluate"
NEWEST_FIRST = "-id"
MOST_GROUPS = 200
GROUPINGS = {"group": "Group", "method": "Method", "problems": "Problems"}


class RunFilter(django_filters.FilterSet):  # type: ignore[misc]  # the library has no types
    """Archived runs and evaluations, which have a list of their own, stay out unless asked for."""

    q = django_filters.CharFilter(method="by_text", label="Search")
    status = django_filters.MultipleChoiceFilter(choices=RunStatus.choices, label="Status")
    method = django_filters.CharFilter(label="Method")
    problems = django_filters.CharFilter(label="Problems")
    group = django_filters.CharFilter(label="Group")
    mine = django_filters.BooleanFilter(method="by_owner", label="Mine")
    archived = django_filters.BooleanFilter(method="by_archive", label="Archived")

    class Meta:
        model = Run
        fields: list[str] = []

    def filter_queryset(self, queryset: QuerySet[Run]) -> QuerySet[Run]:
        rows = cast("QuerySet[Run]", super().filter_queryset(queryset))
        if self.form.cleaned_data.get("method") != EVALUATION:
            rows = rows.exclude(method=EVALUATION)
        return rows if self.form.cleaned_data.get("archived") else rows.filter(archived=False)

    def by_text(self, rows: QuerySet[Run], _: str, text: str) -> QuerySet[Run]:
        match = Q(name__icontains=text) | Q(notes__icontains=text) | Q(group__icontains=text)
        return rows.filter(match | Q(pk=int(text)) if text.isdigit() and len(text) < 18 else match)

    def by_owner(self, rows: QuerySet[Run], _: str, mine: bool) -> QuerySet[Run]:
        return rows.filter(created_by=cast(Any, self.request).user) if mine else rows

    def by_archive(self, rows: QuerySet[Run], _: str, archived: bool) -> QuerySet[Run]:
        return rows.filter(archived=archived)


def filtered(request: HttpRequest) -> tuple[RunFilter, QuerySet[Run]]:
    """The filter as the address sets it, and the runs it leaves."""
    chosen = RunFilter(request.GET, queryset=Run.objects.all(), request=request)
    return chosen, chosen.qs


def ordered(runs: QuerySet[Run], sort: str) -> QuerySet[Run]:
    """Sorted by a name of ``SORTS``, downwards with ``-`` before it; runs without the value come last."""
    column = SORTS.get(sort.removeprefix("-"))
    if column is None:
        return runs.order_by("-pk")
    if column in COMPUTED:
        runs = runs.annotate(**{column: COMPUTED[column]})
    if column not in NULLABLE:  # so that an index on it can be used
        return runs.order_by(f"-{column}" if sort.startswith("-") else column, "-pk")
    key = F(column).desc(nulls_last=True) if sort.startswith("-") else F(column).asc(nulls_last=True)
    return runs.order_by(key, "-pk")


def for_rows(ids: Sequence[int]) -> list[Run]:
    """These runs in this order, with what a row of the list shows; long texts are left in the database."""
    rows = Run.objects.defer("config", "error", "notes").annotate(
        score=COMPUTED["score"],
        model_kind=KeyTextTransform("kind", "config__model"),
        model_name=Coalesce(KeyTextTransform("name", "config__model"), KeyTextTransform("path", "config__model")),
        model_run=KeyTextTransform("run", "config__model"),
    )
    found = rows.in_bulk(ids)
    return [found[pk] for pk in ids if pk in found]


def grouped(runs: QuerySet[Run], by: str) -> list[dict[str, Any]]:
    """One row for each value of a column of ``GROUPINGS``, the one with the newest run first.

    Each has the mean and the sample standard deviation of the score, and of how many runs.
    """
    rows = (
        runs.annotate(score=COMPUTED["score"])
        .values(value=F(by))
        .annotate(
            runs=Count("pk"),
            active=Count("pk", filter=~Q(status__in=TERMINAL)),
            scored=Count("score"),
            mean=Avg("score"),
            sd=StdDev("score", sample=True),
            newest=Max("pk"),
        )
    )
    return list(rows.order_by("-newest")[:MOST_GROUPS])
