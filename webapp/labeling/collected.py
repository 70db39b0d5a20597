"""All labels of a project read once, as the statistics want them."""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field, replace

from webapp.labeling.choices import AnnotationKind, Mode
from webapp.labeling.label_table import Label
from webapp.labeling.models import Annotation, LabelItem, LabelProject
from webapp.labeling.rubric_agreement import Ratings
from webapp.labeling.stored_labels import LabeledItem, as_label, labeled_items, pseudonym


@dataclass(slots=True)
class Collected:
    """Standing labels by what they are read for; annotators by pseudonym."""

    mode: Mode
    labels: list[Label] = field(default_factory=list)
    """Those that order something, without repeats and adjudicated ones."""
    repeats: dict[str, list[Label]] = field(default_factory=dict)
    """By annotator, a label and its mirrored repeat under one name of an item, as if two annotators had given them."""
    given: dict[str, list[Annotation]] = field(default_factory=dict)
    """All labels and repeats of each annotator."""
    kinds: Counter[str] = field(default_factory=Counter)
    origins: dict[str, Counter[str]] = field(default_factory=dict)
    """Items and labels by where the items come from."""
    ratings: list[list[Annotation]] = field(default_factory=list)
    """Of ratings, the labels of each item."""
    items: int = 0
    twice: int = 0
    """Items with labels of two annotators."""

    def points(self, criterion: str) -> Iterable[Ratings]:
        """Of ratings, the points that each annotator gave each response of an item by a criterion."""
        for row in self.ratings:
            yield [[each[criterion] for each in annotation.value["ratings"]] for annotation in row]


def collect(project: LabelProject) -> Collected:
    """One pass over the project's labels."""
    found = Collected(Mode(project.mode))
    for labeled in labeled_items(project):
        _add(found, labeled)
    return found


def origin_of(item: LabelItem) -> str:
    """Where an item comes from, in a few words."""
    origin = item.origin if isinstance(item.origin, dict) else {}
    if "run" in origin:
        return f"run {origin['run']}"
    if "generation" in origin:
        return f"generation {origin['generation']}"
    return str(origin.get("file") or "not known")


def _add(found: Collected, labeled: LabeledItem) -> None:
    found.items += 1
    plain = [each for each in labeled.annotations if each.kind == AnnotationKind.LABEL]
    found.twice += len({each.annotator_id for each in plain}) > 1
    origin = found.origins.setdefault(origin_of(labeled.item), Counter())
    origin.update(items=1, labels=len(plain))
    if found.mode == Mode.RATING:
        found.ratings.append(plain)
    by_assignment = {each.assignment_id: each for each in plain}
    for annotation in labeled.annotations:
        found.kinds[annotation.kind] += 1
        if annotation.kind == AnnotationKind.ADJUDICATED:
            continue
        name = pseudonym(annotation)
        found.given.setdefault(name, []).append(annotation)
        label = as_label(found.mode, labeled, annotation)
        if annotation.kind == AnnotationKind.REPEAT:
            first = by_assignment.get(annotation.assignment.repeat_of_id) if annotation.assignment else None
            before = as_label(found.mode, labeled, first) if first else None
            if label and before:
                found.repeats.setdefault(name, []).extend(_as_two(label, before))
        elif label:
            found.labels.append(label)


def _as_two(again: Label, before: Label) -> tuple[Label, Label]:
    """A label and its repeat as the labels of two annotators."""
    item = f"{before.annotator} {before.item}"
    return replace(before, item=item, annotator="first"), replace(again, item=item, annotator="again")
