"""From a rollout to the items in which it is labeled, found by run, step, split, group and number."""

from dataclasses import dataclass

from webapp.inspection.models import Rollout
from webapp.labeling.aggregation import consensus
from webapp.labeling.choices import AnnotationKind, Mode
from webapp.labeling.models import Annotation, ItemResponse
from webapp.labeling.stored_labels import LabeledItem, ranks_of


@dataclass(frozen=True, slots=True)
class LabeledAs:
    """What became of a rollout in a label project."""

    project: str
    slug: str
    number: int
    """Of the item."""
    index: int
    responses: int
    rank: int | None
    """Where people put it, 1 the best; None without labels that order it."""
    labels: int


def labels_of_rollout(rollout: Rollout) -> list[LabeledAs]:
    """The items in which a rollout is labeled."""
    rows = ItemResponse.objects.filter(
        run=rollout.run_id,
        step=rollout.step,
        split=rollout.split,
        group_index=rollout.group.index,
        rollout_index=rollout.index,
    )
    found = list(rows.select_related("item__project").defer("text", "item__prompt").order_by("item"))
    if not found:
        return []
    items = [each.item_id for each in found]
    counts: dict[int, int] = {}
    for item in ItemResponse.objects.filter(item__in=items).values_list("item_id", flat=True):
        counts[item] = counts.get(item, 0) + 1
    stand: dict[int, list[Annotation]] = {}
    labels = Annotation.objects.filter(item__in=items, withdrawn_at=None).exclude(kind=AnnotationKind.REPEAT)
    for annotation in labels.order_by("pk"):
        stand.setdefault(annotation.item_id, []).append(annotation)
    return [_labeled(each, counts[each.item_id], stand.get(each.item_id, [])) for each in found]


def _labeled(response: ItemResponse, count: int, annotations: list[Annotation]) -> LabeledAs:
    item = response.item
    verdicts = LabeledItem(item, [], annotations).verdicts
    rankings = [ranks for each in verdicts if (ranks := ranks_of(Mode(item.project.mode), each, count))]
    rank = consensus(rankings).ranks[response.index] if rankings and count > 1 else None
    return LabeledAs(item.project.name, item.project.slug, item.number, response.index, count, rank, len(rankings))
