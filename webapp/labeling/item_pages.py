"""What researchers see of items: a list narrowed by its address, and one item with its sources and labels."""

from collections.abc import Mapping
from dataclasses import dataclass

from django.db.models import Count, Exists, F, OuterRef, Q, QuerySet
from django.db.models.functions import Coalesce, Left

from webapp.core.paging import keyset_page
from webapp.labeling.choices import AssignmentState, Mode
from webapp.labeling.describing import in_words
from webapp.labeling.models import Annotation, Assignment, Flag, ItemResponse, LabelItem, LabelProject
from webapp.labeling.rollout_links import Origin, origins

STATES = {
    "untouched": "No label yet",
    "begun": "Some labels in",
    "complete": "All labels in",
    "flagged": "Flagged",
    "skipped": "Skipped by somebody",
    "aside": "Set aside",
}
LISTED_CHARACTERS = 400


@dataclass(frozen=True, slots=True)
class ItemRow:
    """An item as the list shows it."""

    item: LabelItem
    beginning: str
    goal: int
    responses: int
    reserved: int
    flags: int
    skips: int


@dataclass(frozen=True, slots=True)
class ItemList:
    """A page of the list; ``next_cursor`` is empty on the last."""

    rows: list[ItemRow]
    next_cursor: str
    state: str
    query: str

    @property
    def is_narrowed(self) -> bool:
        return bool(self.state or self.query)


@dataclass(frozen=True, slots=True)
class ShownResponse:
    """A response with all that labelers must not know."""

    response: ItemResponse
    origin: Origin

    @property
    def number(self) -> int:
        return self.response.index + 1


@dataclass(frozen=True, slots=True)
class ItemPage:
    """One item."""

    item: LabelItem
    goal: int
    responses: list[ShownResponse]
    labels: list[tuple[Annotation, str]]
    """Each with what it says in words, withdrawn ones included."""
    skips: list[Assignment]
    reserved: list[Assignment]
    flags: list[Flag]
    before: int | None
    after: int | None


def read_items(project: LabelProject, asked: Mapping[str, str]) -> ItemList:
    """The page of the list that an address asks for. Raises UserError for a damaged address."""
    state = asked.get("state", "") if asked.get("state") in STATES else ""
    query = asked.get("q", "").replace("\0", "").strip()
    items = _narrowed(project.items.all(), state, query).defer("prompt", "reference", "origin")
    items = items.annotate(beginning=Left("prompt", LISTED_CHARACTERS))
    page = keyset_page(items, by="number", descending=False, cursor=asked.get("after", ""))
    ids = [item.pk for item in page.rows]
    held = Assignment.objects.filter(item__in=ids)
    responses = _counted(ItemResponse.objects.filter(item__in=ids), "item")
    reserved = _counted(held.filter(state=AssignmentState.RESERVED), "item")
    skips = _counted(held.filter(state=AssignmentState.SKIPPED), "item")
    flags = _counted(Flag.objects.filter(assignment__item__in=ids), "assignment__item")
    rows = [
        ItemRow(
            item,
            beginning=getattr(item, "beginning", ""),
            goal=project.overlap if item.wanted is None else item.wanted,
            responses=responses.get(item.pk, 0),
            reserved=reserved.get(item.pk, 0),
            flags=flags.get(item.pk, 0),
            skips=skips.get(item.pk, 0),
        )
        for item in page.rows
    ]
    return ItemList(rows, page.next_cursor, state, query)


def read_item(item: LabelItem) -> ItemPage:
    """Everything about one item; its project must be at hand."""
    project, mode = item.project, Mode(item.project.mode)
    responses = list(item.responses.all())
    labels = item.annotations.select_related("annotator").order_by("pk")
    given = item.assignments.select_related("annotator").order_by("pk")
    numbers = project.items.order_by("number").values_list("number", flat=True)
    return ItemPage(
        item=item,
        goal=project.overlap if item.wanted is None else item.wanted,
        responses=[ShownResponse(*pair) for pair in zip(responses, origins(responses), strict=True)],
        labels=[(each, in_words(mode, each.value)) for each in labels],
        skips=list(given.filter(state=AssignmentState.SKIPPED)),
        reserved=list(given.filter(state=AssignmentState.RESERVED)),
        flags=list(Flag.objects.filter(assignment__item=item).select_related("assignment__annotator").order_by("pk")),
        before=numbers.filter(number__lt=item.number).last(),
        after=numbers.filter(number__gt=item.number).first(),
    )


def _narrowed(items: QuerySet[LabelItem], state: str, query: str) -> QuerySet[LabelItem]:
    counted = items.annotate(goal=Coalesce("wanted", "project__overlap"))
    assigned = Assignment.objects.filter(item=OuterRef("pk"))
    states = {
        "": Q(),
        "untouched": Q(set_aside=False, submitted=0, goal__gt=0),
        "begun": Q(set_aside=False, submitted__gt=0, submitted__lt=F("goal")),
        "complete": Q(set_aside=False, submitted__gte=F("goal")),
        "flagged": Q(Exists(assigned.filter(flags__isnull=False))),
        "skipped": Q(Exists(assigned.filter(state=AssignmentState.SKIPPED))),
        "aside": Q(set_aside=True),
    }
    found = counted.filter(states[state])
    if query:
        texts = ItemResponse.objects.filter(item=OuterRef("pk"), text__icontains=query)
        found = found.filter(Q(prompt__icontains=query) | Exists(texts))
    return found


def _counted(rows: QuerySet[ItemResponse] | QuerySet[Assignment] | QuerySet[Flag], by: str) -> dict[int, int]:
    """How many rows each item has."""
    return dict(rows.order_by().values(by).annotate(count=Count("pk")).values_list(by, "count"))
