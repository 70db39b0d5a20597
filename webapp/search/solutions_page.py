"""What the pages of a problem's solutions, of one solution, and of two beside each other show."""

from collections.abc import Mapping
from dataclasses import dataclass

from django.db.models import Count, F, Max, Min, Q, QuerySet, Sum
from django.db.models.functions import Left, Length
from django.http import Http404
from django.shortcuts import get_object_or_404

from training.rewards import VERIFIER_VERSION
from webapp.core.errors import UserError
from webapp.core.paging import Page, chosen_sort, keyset_page
from webapp.inspection.differences import Difference, difference, words_of
from webapp.search.checks import SolutionCheck
from webapp.search.models import SolutionUse, VerifiedSolution
from webapp.search.solutions import latest_check

SORTS = {"length": "Length", "found_at": "Found", "times_used": "Times used"}
DEFAULT_SORT = "length"
PAGE_SIZE = 24
CARD_CHARACTERS = 4000
"""Of a solution's text on the page of its problem."""
LONGEST_TEXT = 200_000
RUNS_LISTED = 20
STEPS_LISTED = 400


@dataclass(frozen=True, slots=True)
class RunUses:
    """A run that used solutions instead of searching."""

    run: int
    name: str
    times: int
    first_step: int
    last_step: int
    tokens_saved: int
    steps: list[int]
    """At most STEPS_LISTED of them, latest first; only on the page of one solution."""


@dataclass(frozen=True, slots=True)
class ProblemPage:
    """A problem and a page of its distinct solutions."""

    key: str
    sample: VerifiedSolution
    """Any of them, for the problem's own texts."""
    solutions: int
    valid: int
    times_used: int
    tokens_saved: int
    marks: dict[int, list[str]]
    """What a solution is first in, by id."""
    uses: list[RunUses]
    sort: str
    page: Page[VerifiedSolution]
    check: SolutionCheck | None


@dataclass(frozen=True, slots=True)
class SolutionPage:
    """One solution."""

    solution: VerifiedSolution
    text: str
    characters: int
    siblings: int
    previous: int | None
    next: int | None
    uses: list[RunUses]
    check: SolutionCheck | None

    @property
    def is_older(self) -> bool:
        return self.solution.verifier != VERIFIER_VERSION

    @property
    def unread(self) -> int:
        return self.characters - len(self.text)


@dataclass(frozen=True, slots=True)
class TwoSolutions:
    """Two solutions beside each other."""

    left: VerifiedSolution
    right: VerifiedSolution
    difference: Difference

    @property
    def sides(self) -> tuple[VerifiedSolution, VerifiedSolution]:
        return self.left, self.right


def read_problem(key: str, asked: Mapping[str, str]) -> ProblemPage:
    """The page of a problem, or 404 where nothing was found."""
    rows = VerifiedSolution.objects.filter(problem=key)
    figures = rows.aggregate(
        solutions=Count("pk"), valid=Count("pk", filter=Q(invalid_at=None)), times_used=Sum("times_used"),
        tokens_saved=Sum("tokens_saved"),
    )  # fmt: skip
    if not figures["solutions"]:
        raise Http404("no solution of this problem")
    sort = chosen_sort(asked, SORTS, DEFAULT_SORT)
    cards: QuerySet[VerifiedSolution] = _without_arrays(rows).annotate(
        shown=Left("text", CARD_CHARACTERS), characters=Length("text")
    )
    page = keyset_page(
        cards.defer("text", "prompt"),
        by=sort.removeprefix("-"), descending=sort.startswith("-"), cursor=asked.get("after", ""), size=PAGE_SIZE,
    )  # fmt: skip
    sample = rows.only("problem_id", "problem_set", "prompt", "answer", "problem").order_by("pk")[0]
    uses = _uses_by_run(SolutionUse.objects.filter(solution__problem=key))
    return ProblemPage(
        key=key, sample=sample, marks=_marks(rows), uses=uses, sort=sort, page=page,
        check=latest_check(problem=key), **figures,
    )  # fmt: skip


def read_solution(pk: int) -> SolutionPage:
    """The page of one solution, or 404."""
    rows = _without_arrays(VerifiedSolution.objects.all()).defer("text")
    shown = {"shown": Left("text", LONGEST_TEXT), "characters": Length("text")}
    solution = get_object_or_404(rows.select_related("invalidated_by").annotate(**shown), pk=pk)
    siblings = VerifiedSolution.objects.filter(problem=solution.problem).order_by("pk").values_list("pk", flat=True)
    uses = _uses_by_run(SolutionUse.objects.filter(solution=pk), with_steps=True)
    return SolutionPage(
        solution=solution,
        text=getattr(solution, "shown"),  # noqa: B009 - added by the query
        characters=getattr(solution, "characters"),  # noqa: B009
        siblings=siblings.count(),
        previous=siblings.filter(pk__lt=pk).last(),
        next=siblings.filter(pk__gt=pk).first(),
        uses=uses,
        check=latest_check(solution=solution),
    )


def read_two(a: str, b: str) -> TwoSolutions:
    """Two solutions, word by word. Raises UserError when they are not two different numbers."""
    if not (a.isdecimal() and b.isdecimal() and max(len(a), len(b)) < 18):
        raise UserError("Choose two solutions to compare: tick two on the page of a problem.")
    if int(a) == int(b):
        raise UserError("That is the same solution twice. Choose two different ones.")
    found = _without_arrays(VerifiedSolution.objects.all()).in_bulk([int(a), int(b)])
    if len(found) < 2:
        raise Http404("one of these solutions is not there")
    left, right = found[int(a)], found[int(b)]
    return TwoSolutions(left, right, difference(words_of(left.text), words_of(right.text)))


def _without_arrays(rows: QuerySet[VerifiedSolution]) -> QuerySet[VerifiedSolution]:
    return rows.select_related("found_by").defer("token_ids", "logprobs", "search", "found_by__config")


def _marks(rows: QuerySet[VerifiedSolution]) -> dict[int, list[str]]:
    marks: dict[int, list[str]] = {}
    for word, order in (("shortest", "length"), ("found first", "found_at"), ("most reused", "-times_used")):
        valid = rows.filter(invalid_at=None).order_by(order, "pk")
        first = (
            (valid.filter(times_used__gt=0) if order == "-times_used" else valid).values_list("pk", flat=True).first()
        )
        if first is not None:
            marks.setdefault(first, []).append(word)
    return marks


def _uses_by_run(uses: QuerySet[SolutionUse], with_steps: bool = False) -> list[RunUses]:
    """The runs that used them most."""
    runs = (
        uses.values("run", name=F("run__name"))
        .annotate(times=Count("pk"), first_step=Min("step"), last_step=Max("step"), saved=Sum("tokens_saved"))
        .order_by("-times", "run")[:RUNS_LISTED]
    )
    steps: dict[int, list[int]] = {}
    if with_steps:
        for run, step in uses.order_by("-step").values_list("run", "step")[:STEPS_LISTED]:
            steps.setdefault(run, []).append(step)
    return [
        RunUses(
            each["run"], each["name"], each["times"], each["first_step"], each["last_step"], each["saved"],
            steps.get(each["run"], []),
        )
        for each in runs
    ]  # fmt: skip
