"""Labels as they are stored, item by item, with what each says about the order of the responses."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from django.db.models import Prefetch

from webapp.labeling.choices import AnnotationKind, Mode
from webapp.labeling.label_table import CHOICES, TIE, Label, Ranks, competition_ranks
from webapp.labeling.models import Annotation, ItemResponse, LabelItem, LabelProject
from webapp.labeling.naming import pseudonym_of

CHUNK = 500
"""Items read at a time."""
STORED_CHOICES = {
    "first_clearly": 1, "first_slightly": 2, "tie": TIE, "both_good": TIE, "both_bad": TIE,
    "second_slightly": 4, "second_clearly": CHOICES,
}  # fmt: skip
"""What is stored of a pairwise label, as a point of the scale."""


@dataclass(frozen=True, slots=True)
class LabeledItem:
    """An item with the labels that stand: withdrawn ones are left out, and decisions that a later one replaced."""

    item: LabelItem
    responses: Sequence[ItemResponse]
    annotations: Sequence[Annotation]
    """In the order they were given."""

    @property
    def verdicts(self) -> list[Annotation]:
        """The labels that count: the latest adjudicated one alone, else all but repeats."""
        adjudicated = [each for each in self.annotations if each.kind == AnnotationKind.ADJUDICATED]
        return adjudicated[-1:] or [each for each in self.annotations if each.kind == AnnotationKind.LABEL]


def labeled_items(project: LabelProject) -> Iterator[LabeledItem]:
    """The items that have labels and are not set aside, by number; a few hundred are in memory at a time."""
    stand = Annotation.objects.filter(withdrawn_at=None).select_related("assignment", "annotator").order_by("pk")
    items = project.items.filter(set_aside=False, annotations__withdrawn_at=None, annotations__isnull=False).distinct()
    rows = items.order_by("number").prefetch_related("responses", Prefetch("annotations", stand))
    for item in rows.iterator(chunk_size=CHUNK):
        yield LabeledItem(item, list(item.responses.all()), _without_replaced(item.annotations.all()))


def _without_replaced(annotations: Iterable[Annotation]) -> list[Annotation]:
    given = list(annotations)
    replaced = [each for each in given if each.kind == AnnotationKind.ADJUDICATED][:-1]
    return [each for each in given if each not in replaced]


def choice_of(annotation: Annotation) -> int | None:
    """The point of the scale that a pairwise label names; None of other modes."""
    return STORED_CHOICES.get(annotation.value.get("choice"))


def ranks_of(mode: Mode, annotation: Annotation, count: int) -> Ranks | None:
    """Competition ranks of the item's ``count`` responses, lower is better; None where the label orders nothing.

    Ratings rank by the sum of their points. The best next step stands before the others, which tie.
    """
    value = annotation.value
    if mode == Mode.PAIRWISE:
        choice = STORED_CHOICES[value["choice"]]
        return competition_ranks((choice, 2 * TIE - choice))
    if mode == Mode.RANKING:
        return competition_ranks(value["ranks"])
    if mode == Mode.RATING:
        return competition_ranks([-sum(points.values()) for points in value["ratings"]])
    best = value["best"]
    return None if best is None else competition_ranks([index != best for index in range(count)])


def as_label(mode: Mode, labeled: LabeledItem, annotation: Annotation) -> Label | None:
    """The row that the statistics read; None where the label orders nothing, or there is nothing to order."""
    count = len(labeled.responses)
    choice = choice_of(annotation)
    ranks = None if choice else ranks_of(mode, annotation, count)
    if (choice is None and ranks is None) or count < 2:
        return None
    order = annotation.assignment.order if annotation.assignment else ()
    return Label(
        item=str(labeled.item.pk),
        annotator=pseudonym(annotation),
        choice=choice,
        ranks=ranks,
        order=tuple(order),
        lengths=tuple(len(response.text) for response in labeled.responses),
        seconds=annotation.seconds,
    )


def pseudonym(annotation: Annotation) -> str:
    """Who gave a label, without their name: files may be published."""
    return pseudonym_of(annotation.annotator_id)
