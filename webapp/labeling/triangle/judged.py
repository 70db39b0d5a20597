"""Items as the three judges see them, without their texts: a few queries, however many items a project has."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations

from webapp.labeling.aggregation import consensus
from webapp.labeling.choices import AnnotationKind, Mode
from webapp.labeling.label_table import Ranks
from webapp.labeling.models import Annotation, ItemResponse, LabelProject
from webapp.labeling.stored_labels import LabeledItem, ranks_of
from webapp.labeling.triangle.scores import Score, Scores


@dataclass(frozen=True, slots=True)
class Response:
    """A response with what verifier and reward model say of it."""

    index: int
    source: str
    correct: bool | None
    score: Score | None
    run: int | None
    step: int | None


@dataclass(frozen=True, slots=True)
class JudgedItem:
    """An item with all that was said of its responses."""

    pk: int
    number: int
    responses: tuple[Response, ...]
    ranks: Ranks | None
    """What people made of the responses, one rank each; None without labels that order them."""
    labels: int
    flips: int
    """Labelers who put two responses the other way round when they saw the item in reverse."""

    @property
    def preferred(self) -> list[tuple[Response, Response]]:
        """Every two responses of which people prefer the first."""
        if self.ranks is None:
            return []
        placed = list(zip(self.ranks, self.responses, strict=True))
        ordered = [sorted(pair, key=lambda each: each[0]) for pair in combinations(placed, 2)]
        return [(better[1], worse[1]) for better, worse in ordered if better[0] < worse[0]]

    @property
    def favourites(self) -> list[Response]:
        """The responses that people put first."""
        return [each for each, rank in zip(self.responses, self.ranks or (), strict=bool(self.ranks)) if rank == 1]


def judged_items(project: LabelProject, scores: Scores) -> list[JudgedItem]:
    """All items that are not set aside, by number."""
    items = project.items.filter(set_aside=False).order_by("number").values_list("pk", "number")
    responses = _responses(project, scores)
    annotations = _annotations(project)
    mode = Mode(project.mode)
    return [_judged(mode, pk, number, responses.get(pk, []), annotations.get(pk, [])) for pk, number in items]


def _responses(project: LabelProject, scores: Scores) -> Mapping[int, list[Response]]:
    found: dict[int, list[Response]] = {}
    rows = ItemResponse.objects.filter(item__project=project).order_by("item", "index")
    told = rows.values_list("item_id", "index", "source", "correct", "reward", "run_id", "step")
    for item, index, source, correct, reward, run, step in told:
        score = scores.of(item, index, reward)
        found.setdefault(item, []).append(Response(index, source, correct, score, run, step))
    return found


def _annotations(project: LabelProject) -> Mapping[int, list[Annotation]]:
    found: dict[int, list[Annotation]] = {}
    stand = Annotation.objects.filter(item__project=project, withdrawn_at=None).select_related("assignment")
    fields = ("item_id", "kind", "value", "assignment__repeat_of_id")
    for annotation in stand.only(*fields).order_by("pk"):
        found.setdefault(annotation.item_id, []).append(annotation)
    return found


def _judged(
    mode: Mode, pk: int, number: int, responses: Sequence[Response], annotations: Sequence[Annotation]
) -> JudgedItem:
    count = len(responses)
    verdicts = LabeledItem(None, [], annotations).verdicts  # type: ignore[arg-type]  # only its labels are asked for
    rankings = [ranks for each in verdicts if (ranks := ranks_of(mode, each, count)) and len(ranks) == count]
    ranks = consensus(rankings).ranks if rankings and count > 1 else None
    return JudgedItem(pk, number, tuple(responses), ranks, len(rankings), _flips(mode, annotations, count))


def _flips(mode: Mode, annotations: Iterable[Annotation], count: int) -> int:
    """How many mirrored repeats contradict the label that they repeat."""
    given = {each.assignment_id: each for each in annotations if each.kind == AnnotationKind.LABEL}
    flips = 0
    for each in annotations:
        if each.kind != AnnotationKind.REPEAT or each.assignment is None:
            continue
        first = given.get(each.assignment.repeat_of_id)
        before = ranks_of(mode, first, count) if first else None
        after = ranks_of(mode, each, count)
        flips += before is not None and after is not None and _contradict(before, after)
    return flips


def _contradict(before: Ranks, after: Ranks) -> bool:
    return any((before[i] - before[j]) * (after[i] - after[j]) < 0 for i, j in combinations(range(len(before)), 2))
