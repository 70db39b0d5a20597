"""The page of disagreements: chips with counts, and the items of the chosen kind, the furthest apart first."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from django.db.models.functions import Left

from webapp.inspection.models import Verdict
from webapp.labeling.models import ItemResponse, LabelProject
from webapp.labeling.rollout_links import Origin, origins
from webapp.labeling.triangle.by_step import alarm_of, runs_in
from webapp.labeling.triangle.disagreements import KINDS, Disagreement, Kind, disagreements, ordered
from webapp.labeling.triangle.judged import JudgedItem, Response, judged_items
from webapp.labeling.triangle.scores import Scores, ShowsScores, scores_of, scoring_runs
from webapp.runs.models import Run

ROWS = 25
EXCERPT = 400
"""Characters of a prompt, and of each response, that the list shows."""


@dataclass(frozen=True, slots=True)
class Chip:
    """A kind of disagreement with how many items show it."""

    kind: Kind
    count: int


@dataclass(frozen=True, slots=True)
class ResponseRow:
    """A response beside its siblings."""

    response: Response
    rank: int | None
    excerpt: str
    origin: Origin

    @property
    def verdict(self) -> Verdict | None:
        """None where the verifier was not asked."""
        return None if self.response.correct is None else Verdict.of(self.response.correct)


@dataclass(frozen=True, slots=True)
class ItemRow:
    """An item of the queue."""

    found: Disagreement
    prompt: str
    responses: list[ResponseRow]


@dataclass(frozen=True, slots=True)
class QueuePage(ShowsScores):
    """Everything the page shows."""

    chips: list[Chip]
    chosen: str
    """Slug of the kind shown; empty for all."""
    rows: list[ItemRow]
    total: int
    after: int | None
    """Number of the last item of the page, where more follow."""
    runs: list[Run]
    scores: Scores
    items: int
    scored: int
    """Items with a reward for each response."""
    hacked: int | None
    """Run of most responses, where its reward rises at people's expense."""

    @property
    def meaning(self) -> str:
        return next((kind.meaning for kind in KINDS if kind.slug == self.chosen), "")


def read_queue(project: LabelProject, asked: Mapping[str, str]) -> QueuePage:
    """The page that an address asks for. Raises UserError when it names what is not there."""
    runs = scoring_runs(project)
    scores = scores_of(project, runs, asked.get("reward", ""))
    items = judged_items(project, scores)
    found = disagreements(items)
    chosen = asked.get("kind", "")
    chosen = chosen if chosen in {kind.slug for kind in KINDS} else ""
    queue = ordered(found, chosen)
    begin = 1 + next((n for n, each in enumerate(queue) if str(each.item.number) == asked.get("after")), -1)
    page = queue[begin : begin + ROWS]
    return QueuePage(
        chips=[Chip(kind, sum(kind.slug in each.sizes for each in found)) for kind in KINDS],
        chosen=chosen,
        rows=_rows(project, page),
        total=len(queue),
        after=page[-1].item.number if begin + ROWS < len(queue) else None,
        runs=runs,
        scores=scores,
        items=len(items),
        scored=sum(all(each.score for each in item.responses) for item in items),
        hacked=next((run for run in runs_in(items)[:1] if alarm_of(items, run) == "found"), None),
    )


def _rows(project: LabelProject, page: list[Disagreement]) -> list[ItemRow]:
    shown = [each.item.pk for each in page]
    excerpts = project.items.filter(pk__in=shown).annotate(excerpt=Left("prompt", EXCERPT))
    prompts: dict[int, Any] = dict(excerpts.values_list("pk", "excerpt"))
    beginnings = ItemResponse.objects.filter(item__in=shown).defer("text").annotate(excerpt=Left("text", EXCERPT))
    stored: list[Any] = list(beginnings)
    known = {(each.item_id, each.index): (each.excerpt, at) for each, at in zip(stored, origins(stored), strict=True)}
    return [ItemRow(each, prompts.get(each.item.pk, ""), _response_rows(each.item, known)) for each in page]


def _response_rows(item: JudgedItem, known: Mapping[tuple[int, int], tuple[str, Origin]]) -> list[ResponseRow]:
    """``known`` tells the beginning and the origin of each response, by key of the item and index."""
    ranks = item.ranks or [None] * len(item.responses)
    return [
        ResponseRow(response, rank, *known[item.pk, response.index])
        for response, rank in zip(item.responses, ranks, strict=True)
    ]
