"""The list of evaluations: narrowed, sorted and paged by its address."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import django_filters
from django.db.models import F, Q, QuerySet
from django.http import HttpRequest

from webapp.evals.models import Evaluation
from webapp.evals.searched import searched_tokens
from webapp.runs.status import RunStatus

SORTS = {
    "id": "run_id",
    "model": "label",
    "problems": "problem_set",
    "k": "samples",
    "temperature": "temperature",
    "avg": "avg",
    "pass": "pass_k",
    "maj": "maj",
    "tokens": "tokens_mean",
    "status": "run__status",
}
"""Name in the address → column."""
COLUMNS = (
    ("status", "Status", ""), ("model", "Model", ""), ("problems", "Problems", ""), ("k", "k", "num"),
    ("temperature", "Temp.", "num"), ("avg", "pass@1", "num"), ("pass", "pass@k", "num"), ("maj", "maj@k", "num"),
    ("tokens", "Tokens", "num"), ("id", "Started", ""),
)  # fmt: skip
"""What each column is sorted by, its heading and its class."""
NEWEST_FIRST = "-id"
PAGE_SIZE = 50
TRAINERS_K = 8
"""The trainer's own pass@k is for no larger k; of more samples it would be another figure than the settled one."""


class EvaluationFilter(django_filters.FilterSet):  # type: ignore[misc]  # the library has no types
    """What the list can be narrowed by."""

    q = django_filters.CharFilter(method="by_text", label="Search", max_length=200)
    problems = django_filters.CharFilter("problem_set", label="Problems")
    status = django_filters.MultipleChoiceFilter("run__status", choices=RunStatus.choices, label="Status")
    run = django_filters.NumberFilter("source_run", label="Checkpoints of run", decimal_places=0, max_digits=15)
    search = django_filters.BooleanFilter("searches", label="With search")

    class Meta:
        model = Evaluation
        fields: list[str] = []

    def by_text(self, rows: QuerySet[Evaluation], _: str, text: str) -> QuerySet[Evaluation]:
        match = Q(label__icontains=text) | Q(problem_set__icontains=text) | Q(run__name__icontains=text)
        return rows.filter(match | Q(run=int(text)) if text.isdecimal() and len(text) < 18 else match)


@dataclass(frozen=True, slots=True)
class Row:
    """An evaluation as the list shows it: settled figures, or the trainer's own so far."""

    evaluation: Evaluation
    avg: float | None
    low: float | None
    high: float | None
    pass_k: float | None
    maj: float | None
    tokens: float | None
    """Of an answer on average."""
    searched_tokens: float | None = None
    """Sampled for a tree on average; None without search."""

    @property
    def is_partial(self) -> bool:
        """Whether the figures are of fewer problems than it asks."""
        return self.avg is not None and self.evaluation.run.step < self.evaluation.run.total_steps


def filtered(request: HttpRequest) -> tuple[EvaluationFilter, QuerySet[Evaluation]]:
    """The filter as the address sets it, and what it leaves."""
    rows = Evaluation.objects.filter(run__archived=False)
    chosen = EvaluationFilter(request.GET, queryset=rows, request=request)
    return chosen, chosen.qs if chosen.is_valid() else rows


def ordered(rows: QuerySet[Evaluation], sort: str) -> QuerySet[Evaluation]:
    """Sorted by a name of ``SORTS``, downwards with ``-`` before it; those without the value come last."""
    column = SORTS.get(sort.removeprefix("-"), "run_id")
    down = sort.startswith("-") or sort.removeprefix("-") not in SORTS
    key = F(column).desc(nulls_last=True) if down else F(column).asc(nulls_last=True)
    return rows.order_by(key, "-run_id")


def rows_of(ids: Sequence[int]) -> list[Row]:
    """These evaluations in this order; long texts are left in the database."""
    wanted = Evaluation.objects.select_related("run").defer("figures", "run__config", "run__error", "run__notes")
    found = wanted.in_bulk(ids)
    searched = searched_tokens(found.values())
    return [replace(_row(found[pk]), searched_tokens=searched.get(pk)) for pk in ids if pk in found]


def _row(made: Evaluation) -> Row:
    if made.settled_at:
        return Row(made, made.avg, made.avg_low, made.avg_high, made.pass_k, made.maj, made.tokens_mean)
    latest: dict[str, Any] = made.run.latest
    names = ("pass_at_1", "pass_at_1_low", "pass_at_1_high", "pass_at_k", "maj_at_k", "length_mean")
    row = Row(made, *(latest.get(f"heldout/{name}") for name in names))
    return row if made.samples <= TRAINERS_K else replace(row, pass_k=None)
