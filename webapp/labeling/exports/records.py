"""What the lines of exported files hold."""

from collections.abc import Callable, Iterator
from itertools import combinations
from typing import Any, Literal

from webapp.labeling.choices import Mode
from webapp.labeling.exports.selection import EVERYTHING, Selection
from webapp.labeling.models import Annotation, LabelProject
from webapp.labeling.stored_labels import LabeledItem, choice_of, ranks_of

Record = dict[str, Any]
MARGINS = {1: 1.0, 2: 1 / 3, 3: 0.0, 4: -1 / 3, 5: -1.0}
"""By how much response 0 is better, for each point of the scale; Llama 2's margins (arXiv 2307.09288, small)."""


ColumnType = Literal["text", "integer", "number", "flag", "texts", "integers", "object"]


def pairs(project: LabelProject, selection: Selection = EVERYTHING) -> Iterator[Record]:
    """One line for every two responses of an item, as TRL's preference data: ``prompt``, ``chosen``, ``rejected``.

    What most labels say counts. Where as many prefer the one as the other, or more than prefer either see no
    difference, it is a ``tie``, and which of the two is called chosen means nothing. ``agreement`` is the share of the
    labels that say so; an adjudicated label stands alone. ``margin`` (0 to 1) is known of choices between two.
    """
    mode = Mode(project.mode)
    for labeled in selection.items(project):
        ranked = [(each, ranks_of(mode, each, len(labeled.responses))) for each in labeled.verdicts]
        known = [(each, ranks) for each, ranks in ranked if ranks is not None]
        if not known:
            continue
        for one, other in combinations(range(len(labeled.responses)), 2):
            votes = [(ranks[one] < ranks[other]) - (ranks[one] > ranks[other]) for _, ranks in known]
            pair = _pair(project, labeled, one, other, votes, [each for each, _ in known])
            if selection.ties or not pair["tie"]:
                yield pair


def rankings(project: LabelProject, selection: Selection = EVERYTHING) -> Iterator[Record]:
    """One line a label: the responses with the rank that one annotator gave each (1 is best, equal ranks tie)."""
    mode = Mode(project.mode)
    for labeled in selection.items(project):
        for annotation in labeled.annotations:
            ranks = ranks_of(mode, annotation, len(labeled.responses))
            if ranks is not None:
                yield {
                    "prompt": labeled.item.prompt,
                    "responses": [response.text for response in labeled.responses],
                    "ranks": list(ranks),
                    "choice": choice_of(annotation),
                    "annotator": selection.name_of(annotation),
                    "kind": annotation.kind,
                    "seconds": annotation.seconds,
                    "meta": _meta(project, labeled, range(len(labeled.responses))),
                }


def table(project: LabelProject, selection: Selection = EVERYTHING) -> Iterator[Record]:
    """One row for each response of each label; ``shown_at`` is its place on the page, from 0."""
    mode = Mode(project.mode)
    for labeled in selection.items(project):
        for annotation in labeled.annotations:
            ranks = ranks_of(mode, annotation, len(labeled.responses))
            order = annotation.assignment.order if annotation.assignment else None
            for response in labeled.responses:
                yield {
                    "project": project.slug,
                    "item": labeled.item.number,
                    "annotator": selection.name_of(annotation),
                    "kind": annotation.kind,
                    "submitted_at": annotation.submitted_at.isoformat(),
                    "seconds": annotation.seconds,
                    "response": response.index,
                    "shown_at": order.index(response.index) if order else None,
                    "rank": ranks[response.index] if ranks else None,
                    "choice": annotation.value.get("choice"),
                    "points": _points(annotation, response.index),
                    "source": response.source,
                    "correct": response.correct,
                    "reward": response.reward,
                    "length": response.length,
                    "comment": annotation.comment,
                    "prompt": labeled.item.prompt,
                    "text": response.text,
                }


def _pair(
    project: LabelProject, labeled: LabeledItem, one: int, other: int, votes: list[int], labels: list[Annotation]
) -> Record:
    better, worse, same = votes.count(1), votes.count(-1), votes.count(0)
    verdict = 0 if better == worse or same > max(better, worse) else 1 if better > worse else -1
    chosen, rejected = (one, other) if verdict >= 0 else (other, one)
    choices = [choice for choice in map(choice_of, labels) if choice]
    margin = sum(MARGINS[choice] for choice in choices) / len(choices) if choices else None
    return {
        "prompt": labeled.item.prompt,
        "chosen": labeled.responses[chosen].text,
        "rejected": labeled.responses[rejected].text,
        "tie": verdict == 0,
        "margin": None if margin is None else 0.0 if verdict == 0 else max(verdict * margin, 0.0),
        "annotators": len(votes),
        "agreement": votes.count(verdict) / len(votes),
        "meta": _meta(project, labeled, (chosen, rejected)) | {"adjudicated": labels[0].kind == "adjudicated"},
    }


def _meta(project: LabelProject, labeled: LabeledItem, indices: Any) -> Record:
    return {
        "project": project.slug,
        "item": labeled.item.number,
        "responses": list(indices),
        "sources": [labeled.responses[index].source for index in indices],
        "origin": labeled.item.origin,
    }


def _points(annotation: Annotation, index: int) -> int | None:
    """Points of a response over all criteria of a rubric."""
    ratings = annotation.value.get("ratings")
    return sum(ratings[index].values()) if ratings else None


READERS: dict[str, Callable[[LabelProject, Selection], Iterator[Record]]] = {
    "pairs": pairs,
    "rankings": rankings,
    "table": table,
}
"""What a project can be exported as."""

MEANINGS = {
    "pairs": "two responses a line, as many labels see them; for reward models and DPO.",
    "rankings": "one label a line, with a rank for each response; 1 is the best.",
    "table": "one response of one label a line; everything that is known.",
}

COLUMNS: dict[str, dict[str, ColumnType]] = {
    "pairs": {
        "prompt": "text", "chosen": "text", "rejected": "text", "tie": "flag", "margin": "number",
        "annotators": "integer", "agreement": "number", "meta": "object",
    },
    "rankings": {
        "prompt": "text", "responses": "texts", "ranks": "integers", "choice": "integer", "annotator": "text",
        "kind": "text", "seconds": "number", "meta": "object",
    },
    "table": {
        "project": "text", "item": "integer", "annotator": "text", "kind": "text", "submitted_at": "text",
        "seconds": "number", "response": "integer", "shown_at": "integer", "rank": "integer", "choice": "text",
        "points": "integer", "source": "text", "correct": "flag", "reward": "number", "length": "integer",
        "comment": "text", "prompt": "text", "text": "text",
    },
}  # fmt: skip
