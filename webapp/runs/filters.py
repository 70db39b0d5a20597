"""What the list of runs can be narrowed down by, sorted by and grouped by."""

from typing import Any, cast

import django_filters
from django.db.models import Avg, Case, Count, DurationField, F, FloatField, Q, QuerySet, StdDev, When
from django.db.models.fields.json import KeyTextTransform
from django.db.models.functions import Cast, Coalesce, Now
from django.http import HttpRequest

from webapp.runs.charts import SCORE
from webapp.runs.models import Run
from webapp.runs.status import RunStatus

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
NEWEST_FIRST = "-id"
GROUPINGS = {"group": "Group", "method": "Method", "problems": "Problems"}


class RunFilter(django_filters.FilterSet):  # type: ignore[misc]  # the library has no types
    """Archived runs stay out unless asked for."""

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
        return rows if self.form.cleaned_data.get("archived") else rows.filter(archived=False)

    def by_text(self, rows: QuerySet[Run], _: str, text: str) -> QuerySet[Run]:
        match = Q(name__icontains=text) | Q(notes__icontains=text) | Q(group__icontains=text)
        return rows.filter(match | Q(pk=int(text)) if text.isdigit() and len(text) < 18 else match)

    def by_owner(self, rows: QuerySet[Run], _: str, mine: bool) -> QuerySet[Run]:
        return rows.filter(created_by=cast(Any, self.request).user) if mine else rows

    def by_archive(self, rows: QuerySet[Run], _: str, archived: bool) -> QuerySet[Run]:
        return rows.filter(archived=archived)


def listed() -> QuerySet[Run]:
    """All runs with what a row of the list shows; long texts are left in the database."""
    return Run.objects.defer("config", "error", "notes").annotate(
        score=Cast(KeyTextTransform(SCORE, "latest"), FloatField()),
        model_kind=KeyTextTransform("kind", "config__model"),
        model_name=Coalesce(KeyTextTransform("name", "config__model"), KeyTextTransform("path", "config__model")),
        model_run=KeyTextTransform("run", "config__model"),
        duration=Case(
            When(started_at=None, then=None),
            default=Coalesce("ended_at", Now()) - F("started_at"),
            output_field=DurationField(),
        ),
    )


def filtered(request: HttpRequest) -> tuple[RunFilter, QuerySet[Run]]:
    """The filter as the address sets it, and the runs it leaves."""
    chosen = RunFilter(request.GET, queryset=listed(), request=request)
    return chosen, chosen.qs


def ordered(runs: QuerySet[Run], sort: str) -> QuerySet[Run]:
    """Sorted by a name of ``SORTS``, downwards with ``-`` before it; runs without the value come last."""
    column = SORTS.get(sort.removeprefix("-"))
    if column is None:
        return ordered(runs, NEWEST_FIRST)
    key = F(column).desc(nulls_last=True) if sort.startswith("-") else F(column).asc(nulls_last=True)
    return runs.order_by(key, "-pk")


def grouped(runs: QuerySet[Run], by: str) -> list[dict[str, Any]]:
    """One row for each value of a column of ``GROUPINGS``: mean and sample standard deviation of the score, and n."""
    rows = (
        runs.order_by(by)
        .values(value=F(by))
        .annotate(
            runs=Count("pk"),
            active=Count("pk", filter=~Q(status__in=[status for status in RunStatus if status.is_terminal])),
            scored=Count("score"),
            mean=Avg("score"),
            sd=StdDev("score", sample=True),
        )
    )
    return list(rows)
