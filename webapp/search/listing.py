"""The list of trees, of one run or of all: narrowed, sorted and paged by its address, and summed up in a line."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from django.db.models import Count, F, Q, QuerySet

from webapp.core.paging import Page, chosen_sort, keyset_page
from webapp.runs.models import Run
from webapp.search.filters import TreeFilter, filtered
from webapp.search.models import SearchTree
from webapp.search.problems import problem_lines

SORTS = {
    "id": "Newest", "tokens": "Tokens", "depth": "Depth", "nodes": "Nodes", "best_q": "Best Q",
    "mean_reward": "Mean reward", "right_ends": "Right ends",
}  # fmt: skip
"""A ``-`` before turns the order round."""
DEFAULT_SORT = "-id"
PAGE_SIZE = 50
MOST_COUNTED = 50_000
"""Trees of the list that its line of figures looks at: the newest ones."""


@dataclass(frozen=True, slots=True)
class TreeRow:
    """A tree as a list shows it."""

    tree: SearchTree
    problem: str
    run_name: str

    @property
    def recomputed_share(self) -> float | None:
        return self.tree.prefix_recomputed / self.tree.prefix_tokens if self.tree.prefix_tokens else None


@dataclass(frozen=True, slots=True)
class Summary:
    """Of the trees that the filters let through."""

    trees: int
    solved: int
    uniform: int
    stored: int
    figures_only: int
    """The trainer sent no nodes."""
    dropped: int
    """Nodes were here and are gone."""
    pinned: int

    @property
    def is_partial(self) -> bool:
        return self.trees > MOST_COUNTED


@dataclass(frozen=True)
class Listing:
    """A page of the list, or the mistakes in its address."""

    run: Run | None
    filter: TreeFilter
    sort: str
    page: Page[SearchTree]
    rows: list[TreeRow] = field(default_factory=list)

    @property
    def is_narrowed(self) -> bool:
        return any(self.filter.data.get(name) for name in TreeFilter.base_filters)

    @property
    def hides_unvalued(self) -> bool:
        """Whether trees without a Q are left out, since the list goes by it."""
        return self.sort.removeprefix("-") == "best_q"


def sort_of(asked: Mapping[str, str]) -> str:
    return chosen_sort(asked, SORTS, DEFAULT_SORT)


def ordered_by(rows: QuerySet[SearchTree], sort: str) -> QuerySet[SearchTree]:
    """The rows that a sort can place."""
    return rows.filter(best_q__isnull=False) if sort.removeprefix("-") == "best_q" else rows


def read_listing(run: Run | None, asked: Mapping[str, str]) -> Listing:
    """The page that an address asks for."""
    chosen, sort = filtered(run, asked), sort_of(asked)
    if not chosen.is_valid():
        return Listing(run, chosen, sort, Page([], ""))
    rows = ordered_by(chosen.qs, sort).annotate(run_name=F("run__name"))
    page: Page[SearchTree] = keyset_page(
        rows, by=sort.removeprefix("-"), descending=sort.startswith("-"), cursor=asked.get("after", ""), size=PAGE_SIZE
    )
    lines = problem_lines({tree.prompt_id: tree.run_id for tree in page.rows})
    return Listing(run, chosen, sort, page, [_row(tree, lines.get(tree.prompt_id, "")) for tree in page.rows])


def summarise(listing: Listing) -> Summary:
    """Figures of the newest ``MOST_COUNTED`` trees that the filters let through."""
    rows = listing.filter.qs.order_by("-id")[: MOST_COUNTED + 1]
    counted = rows.aggregate(
        of_trees=Count("pk"),
        of_solved=Count("pk", filter=Q(solved=True)),
        of_uniform=Count("pk", filter=Q(uniform=True)),
        of_stored=Count("pk", filter=Q(stored=True)),
        of_figures_only=Count("pk", filter=Q(stored=False, dropped="")),
        of_dropped=Count("pk", filter=Q(stored=False) & ~Q(dropped="")),
        of_pinned=Count("pk", filter=Q(pinned=True)),
    )
    return Summary(**{name.removeprefix("of_"): count for name, count in counted.items()})


def _row(tree: SearchTree, problem: str) -> TreeRow:
    return TreeRow(tree, problem, tree.run_name)  # type: ignore[attr-defined]  # the query added it
