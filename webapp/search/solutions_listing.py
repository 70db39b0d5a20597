"""The list of problems with verified solutions: narrowed, searched, sorted and paged by its address.

Problems are groups of solution rows, so their figures are summed up by the query: first one figure of every problem,
by which the page is cut; then all others, of the problems of the page alone.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from django.contrib.postgres.aggregates import ArrayAgg
from django.db.models import Aggregate, Count, DateTimeField, F, IntegerField, Max, Min, Q, QuerySet, Sum, Value
from django.db.models.functions import Coalesce, Left
from django.utils.dateparse import parse_datetime

from training.rewards import VERIFIER_VERSION
from webapp.core.errors import UserError
from webapp.core.paging import Row, chosen_sort
from webapp.inspection.search import Snippet, headline, snippet
from webapp.search.models import VerifiedSolution
from webapp.search.solutions_filters import SolutionFilter, filtered

SORTS = {"times_used": "Times used", "tokens_saved": "Tokens saved", "newest": "Newest", "shortest": "Shortest"}
"""A ``-`` before turns the order round."""
DEFAULT_SORT = "-newest"
PAGE_SIZE = 30
LISTED_CHARACTERS = 160
VALID = Q(invalid_at=None)
FIGURES: dict[str, Aggregate | Coalesce] = {
    "times_used": Sum("times_used"),
    "tokens_saved": Sum("tokens_saved"),
    "newest": Max("found_at"),
    "shortest": Coalesce(Min("length", filter=VALID), Min("length")),
}
"""What can be sorted by; none is ever null."""


@dataclass(frozen=True, slots=True)
class ProblemRow:
    """A problem as the list shows it. The three solutions may be the same; valid ones come first."""

    key: str
    problem: str
    shortest: VerifiedSolution
    first: VerifiedSolution
    most_used: VerifiedSolution
    solutions: int
    valid: int
    times_used: int
    tokens_saved: int
    newest: datetime
    verifiers: list[str]
    snippet: Snippet | None

    @property
    def has_older_verifier(self) -> bool:
        return any(version != VERIFIER_VERSION for version in self.verifiers)


@dataclass(frozen=True)
class Listing:
    """A page of the list, or the mistakes in its address."""

    filter: SolutionFilter
    sort: str
    rows: list[ProblemRow] = field(default_factory=list)
    next_cursor: str = ""

    @property
    def is_narrowed(self) -> bool:
        return any(self.filter.data.get(name) for name in SolutionFilter.base_filters)


def read_listing(asked: Mapping[str, str]) -> Listing:
    """The page that an address asks for."""
    chosen, sort = filtered(asked), chosen_sort(asked, SORTS, DEFAULT_SORT)
    if not chosen.is_valid():
        return Listing(chosen, sort)
    keys, cursor = _cut(chosen.qs, sort, asked.get("after", ""))
    return Listing(chosen, sort, _rows(chosen.qs, keys, chosen.form.cleaned_data["q"]), cursor)


def _cut(rows: QuerySet[VerifiedSolution], sort: str, cursor: str) -> tuple[list[str], str]:
    """The problems of a page in order, and the cursor of the next one."""
    by, sign = sort.removeprefix("-"), "-" if sort.startswith("-") else ""
    found = rows.values("problem").annotate(by=FIGURES[by]).order_by(f"{sign}by", f"{sign}problem")
    if cursor:
        compare = "lt" if sign else "gt"
        found = found.alias(_key=Row(F("by"), F("problem"))).filter(**{f"_key__{compare}": _after(cursor, by)})
    page = list(found.values_list("by", "problem")[: PAGE_SIZE + 1])
    more = len(page) > PAGE_SIZE
    value, problem = page[PAGE_SIZE - 1] if more else ("", "")
    written = value.isoformat() if isinstance(value, datetime) else value
    return [key for _, key in page[:PAGE_SIZE]], f"{written}~{problem}" if more else ""


def _after(cursor: str, by: str) -> Row:
    written, _, problem = cursor.partition("~")
    try:
        value: Any = parse_datetime(written) if by == "newest" else int(written)
        if value is None or not problem.isalnum() or (isinstance(value, int) and abs(value) >= 2**63):
            raise ValueError
        if isinstance(value, datetime) and value.tzinfo is None:
            raise ValueError
    except ValueError as error:
        raise UserError("This page address is damaged. Go back to the first page of the list.") from error
    return Row(Value(value, DateTimeField() if by == "newest" else IntegerField()), Value(problem))


def _rows(rows: QuerySet[VerifiedSolution], keys: Sequence[str], words: str) -> list[ProblemRow]:
    if not keys:
        return []
    rows = rows.filter(problem__in=keys)
    figures = rows.values("problem").annotate(
        solutions=Count("pk"),
        valid=Count("pk", filter=VALID),
        used=FIGURES["times_used"],
        saved=FIGURES["tokens_saved"],
        latest=FIGURES["newest"],
        verifiers=ArrayAgg("verifier", distinct=True),
    )
    figures_of = {each["problem"]: each for each in figures}
    shortest, first, most_used = (_first(rows, order) for order in ("length", "found_at", "-times_used"))
    hits = _snippets([shortest[key].pk for key in keys], words) if words else {}
    return [
        ProblemRow(
            key=key,
            problem=getattr(shortest[key], "listed"),  # noqa: B009 - added by the query
            shortest=shortest[key],
            first=first[key],
            most_used=most_used[key],
            solutions=figures_of[key]["solutions"],
            valid=figures_of[key]["valid"],
            times_used=figures_of[key]["used"],
            tokens_saved=figures_of[key]["saved"],
            newest=figures_of[key]["latest"],
            verifiers=figures_of[key]["verifiers"],
            snippet=hits.get(shortest[key].pk),
        )
        for key in keys
    ]


def _first(rows: QuerySet[VerifiedSolution], order: str) -> dict[str, VerifiedSolution]:
    """Of each problem the first solution in this order, valid ones before others. Nothing long is read."""
    narrow = (
        "problem", "problem_id", "problem_set", "length", "found_step", "found_at", "times_used", "invalid_at",
        "verifier", "found_by__name",
    )  # fmt: skip
    first = (
        rows.select_related("found_by")
        .only(*narrow)
        .annotate(listed=Left("prompt", LISTED_CHARACTERS))
        .order_by("problem", F("invalid_at").desc(nulls_first=True), order, "pk")
        .distinct("problem")
    )
    return {solution.problem: solution for solution in first}


def _snippets(solutions: Collection[int], words: str) -> dict[int, Snippet]:
    rows = VerifiedSolution.objects.filter(pk__in=solutions).annotate(found=headline("text", words))
    return {pk: snippet(found) for pk, found in rows.values_list("pk", "found")}
