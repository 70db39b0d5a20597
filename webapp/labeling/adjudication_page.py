"""What the adjudication page shows: the queue, one item of it with all that was said, and the form that decides."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from django.shortcuts import get_object_or_404

from webapp.accounts.models import User
from webapp.labeling.adjudication import in_own_order
from webapp.labeling.choices import AnnotationKind, Mode
from webapp.labeling.describing import by_response, in_words
from webapp.labeling.dispute_queue import Dispute, Queue, Why, human_ranks, read_queue
from webapp.labeling.label_form import LETTERS, LabelForm, label_form
from webapp.labeling.latest_scores import Scoring, latest_scoring, scores_of
from webapp.labeling.models import Annotation, Flag, ItemResponse, LabelItem, LabelProject
from webapp.labeling.naming import name_for
from webapp.labeling.rollout_links import Origin, origins
from webapp.labeling.showing import Card
from webapp.labeling.stored_labels import LabeledItem
from webapp.labeling.values import sent_value

AROUND = 8
"""Items of the queue that are listed before and after the one shown."""


@dataclass(frozen=True, slots=True)
class Said:
    """One label in words; ``cells`` has a text a response, or nothing."""

    annotation: Annotation
    name: str
    words: str
    cells: list[str]
    flags: list[Flag]
    is_fast: bool


@dataclass(frozen=True, slots=True)
class Adjudicated:
    """The item shown. ``decision`` holds, if there is one; ``history`` are those that were taken back or replaced."""

    item: LabelItem
    labels: list[Said]
    decision: Said | None
    history: list[Said]
    origins: list[tuple[str, ItemResponse, float | None, Origin]]
    """Each response with its letter, its reward by ``scoring``, and where it came from."""
    scoring: Scoring | None
    form: LabelForm
    place: int | None
    before: int | None
    after: int | None
    disputes: list[str]

    @property
    def letters(self) -> str:
        return LETTERS[: len(self.origins)]


@dataclass(frozen=True, slots=True)
class AdjudicationPage:
    """The queue and what of it is shown; no ``shown`` where it is empty and no item was asked for."""

    queue: Queue
    shown: Adjudicated | None
    nearby: list[Dispute]
    last: Annotation | None
    """The reader's own latest decision, which they can take back."""


def adjudication_page(project: LabelProject, why: Why, number: int | None, reader: User) -> AdjudicationPage:
    """The page of the item with this number, or of the first in the queue. Raises Http404 for an item that is none."""
    queue = read_queue(project, why)
    if number is None and queue.rows:
        number = queue.rows[0].number
    shown = None if number is None else _adjudicated(project, queue, number, reader)
    place = (shown.place if shown else None) or 0
    last = Annotation.objects.filter(
        item__project=project, annotator=reader, kind=AnnotationKind.ADJUDICATED, withdrawn_at=None
    )
    nearby = queue.rows[max(0, place - AROUND) : place + AROUND + 1]
    return AdjudicationPage(queue, shown, nearby, last.select_related("item").order_by("-pk").first())


def _adjudicated(project: LabelProject, queue: Queue, number: int, reader: User) -> Adjudicated:
    item = get_object_or_404(LabelItem, project=project, number=number)
    item.project = project
    responses = list(item.responses.all())
    rows = list(item.annotations.select_related("annotator", "assignment").order_by("pk"))
    standing = [row for row in rows if row.withdrawn_at is None]
    flags = list(Flag.objects.filter(assignment__item=item).select_related("assignment__annotator").order_by("pk"))
    decisions = [row for row in rows if row.kind == AnnotationKind.ADJUDICATED]
    holds = next((row for row in reversed(decisions) if row.withdrawn_at is None), None)
    scoring = latest_scoring(project)
    scores = scores_of(project, scoring, number)
    told = {row.pk: _said(project, row, flags, reader) for row in (*standing, *decisions)}
    before, after = queue.beside(number)
    place = queue.place_of(number)
    return Adjudicated(
        item=item,
        labels=[told[row.pk] for row in standing if row.kind != AnnotationKind.ADJUDICATED],
        decision=told[holds.pk] if holds else None,
        history=[told[row.pk] for row in decisions if row is not holds],
        origins=[
            (letter, response, scores.get((number, response.index)), origin)
            for letter, response, origin in zip(LETTERS, responses, origins(responses), strict=False)
        ],
        scoring=scoring,
        form=_form(project, LabeledItem(item, responses, standing), holds),
        place=place,
        before=before,
        after=after,
        disputes=queue.rows[place].whys if place is not None else [],
    )


def _said(project: LabelProject, row: Annotation, flags: Sequence[Flag], reader: User) -> Said:
    mode = Mode(project.mode)
    return Said(
        annotation=row,
        name=name_for(reader, row.annotator_id, row.annotator.username),
        words=in_words(mode, row.value, LETTERS),
        cells=by_response(mode, row.value, project.rubric),
        flags=[flag for flag in flags if flag.assignment_id == row.assignment_id],
        is_fast=row.kind != AnnotationKind.ADJUDICATED and row.seconds < project.too_fast_seconds,
    )


def _form(project: LabelProject, labeled: LabeledItem, holds: Annotation | None) -> LabelForm:
    """Filled with the decision that holds; a ranking begins with what labelers amount to."""
    mode, item = Mode(project.mode), labeled.item
    stand_in = in_own_order(item, len(labeled.responses))
    value: dict[str, Any] = {}
    if holds is not None:
        value = sent_value(stand_in, holds.value)
    elif mode == Mode.RANKING and (ranks := human_ranks(mode, labeled)):
        value = {"ranks": {str(index): rank for index, rank in enumerate(ranks)}}
    cards = [Card(str(response.index), response.text) for response in labeled.responses]
    return label_form(mode, cards, project.rubric, value)
