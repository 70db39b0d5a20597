"""What stands on a labeler's desk: an item to label, or why there is none, and how far they are."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any

from django.utils import timezone

from webapp.accounts.models import User
from webapp.labeling.choices import AssignmentState, Mode, Reveal
from webapp.labeling.label_form import LETTERS, LabelForm, label_form
from webapp.labeling.models import Assignment, Draft, LabelProject
from webapp.labeling.projects import may_label
from webapp.labeling.queue import Progress, next_assignment, next_free_at, progress
from webapp.labeling.showing import Card, Identity, cards, identities

LABELS_OF_PACE = 20
FEWEST_OF_PACE = 5
"""Labels before a pace is told, "a few more" until then."""
SECONDS_OF_PACE = 120.0
"""Time on the screen before a pace is told; a few short items say little of an hour."""
LONGEST_SECONDS = 1e9
"""Of a draft; JSON knows whole numbers that no float can hold."""


class DeskState(StrEnum):
    """What a desk shows; the same words stand in its JSON."""

    ITEM = "item"
    REVEALED = "revealed"
    """Who wrote what of the item just labeled; ask for the next one."""
    EMPTY = "empty"
    """The project has no items yet."""
    COMPLETE = "complete"
    """Every item has the labels that are wanted of it."""
    RESERVED = "reserved"
    """All that is left is in the hands of others, until ``free_at`` at the earliest."""
    DONE = "done"
    """What is left this labeler labeled or skipped already."""
    CLOSED = "closed"
    NOT_ALLOWED = "not_allowed"


@dataclass(frozen=True, slots=True)
class Entered:
    """A draft: what was entered so far."""

    value: Any = None
    comment: str = ""
    seconds: float = 0.0
    saved_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Pace:
    """A labeler's figures."""

    progress: Progress
    per_hour: float | None
    """Labels an hour at the pace of their last 20; None before they are enough to tell."""
    takes_back: bool
    """Whether the project lets labels be taken back."""

    @property
    def may_undo(self) -> bool:
        return self.takes_back and self.labeled > 0

    @property
    def labeled(self) -> int:
        """With repeats, which must not be told from other items by a count that stands still."""
        return self.progress.submitted + self.progress.repeats

    def as_json(self) -> dict[str, Any]:
        return {**asdict(self.progress), "per_hour": self.per_hour}


@dataclass(frozen=True, slots=True)
class Desk:
    """A desk as it is shown; ``assignment`` and ``entered`` where there is an item."""

    project: LabelProject
    state: DeskState
    pace: Pace | None = None
    assignment: Assignment | None = None
    entered: Entered = Entered()
    free_at: datetime | None = None
    revealed: tuple[tuple[str, Card, Identity], ...] = ()

    @property
    def form(self) -> LabelForm | None:
        if self.assignment is None:
            return None
        return label_form(Mode(self.project.mode), cards(self.assignment), self.project.rubric, self.entered.value)

    def as_json(self) -> dict[str, Any]:
        """The JSON that the views' module tells of. Of an item that is not labeled: prompt, texts and handles alone."""
        return {
            "state": self.state,
            "item": _item(self.project, self.assignment, self.entered) if self.assignment else None,
            "progress": self.pace.as_json() if self.pace else None,
            "free_at": self.free_at,
            "revealed": [{"letter": letter, **asdict(identity)} for letter, _, identity in self.revealed],
        }


def desk_of(project: LabelProject, user: User) -> Desk:
    """The desk with the next item on it, which is now reserved for ``user``."""
    if not may_label(project, user):
        return Desk(project, DeskState.NOT_ALLOWED)
    if not project.is_open:
        return Desk(project, DeskState.CLOSED, _pace(project, user))
    assignment = next_assignment(project, user)
    pace = _pace(project, user)
    if assignment is not None:
        assignment.project = project
        return Desk(project, DeskState.ITEM, pace, assignment, _entered(assignment))
    if not pace.progress.items:
        return Desk(project, DeskState.EMPTY, pace)
    if pace.progress.labels >= pace.progress.wanted:
        return Desk(project, DeskState.COMPLETE, pace)
    free_at = next_free_at(project, user)
    return Desk(project, DeskState.RESERVED if free_at else DeskState.DONE, pace, free_at=free_at)


def after_label(assignment: Assignment, user: User) -> Desk:
    """The desk once a label is in: who wrote what, where the project tells, else the next item."""
    labeled = Assignment.objects.select_related("project", "item").get(pk=assignment.pk)
    project = labeled.project
    if project.reveal != Reveal.AFTER_SUBMIT or labeled.state != AssignmentState.SUBMITTED:
        return desk_of(project, user)
    told = zip(LETTERS, cards(labeled), identities(labeled), strict=False)
    return Desk(project, DeskState.REVEALED, _pace(project, user), revealed=tuple(told))


def labels_an_hour(seconds: Sequence[float]) -> float | None:
    """What labels that took so many seconds each come to in an hour; None where they are too few or too short."""
    if len(seconds) < FEWEST_OF_PACE or sum(seconds) < SECONDS_OF_PACE:
        return None
    return 3600 * len(seconds) / sum(seconds)


def _item(project: LabelProject, assignment: Assignment, entered: Entered) -> dict[str, Any]:
    return {
        "assignment": assignment.pk,
        "mode": project.mode,
        "rubric": project.rubric,
        "prompt": assignment.item.prompt,
        "responses": [asdict(card) for card in cards(assignment)],
        "draft": None if entered.saved_at is None else asdict(entered),
        "reserved_until": assignment.reserved_until,
    }


def _entered(assignment: Assignment) -> Entered:
    """The draft of an assignment. It was not checked when it was saved, so anything may stand in it."""
    draft = Draft.objects.filter(assignment=assignment).first()
    if draft is None or not isinstance(draft.value, dict):
        return Entered()
    seconds = draft.value.get("seconds")
    return Entered(
        value=draft.value.get("value"),
        comment=str(draft.value.get("comment") or ""),
        seconds=float(seconds) if isinstance(seconds, int | float) and 0 < seconds < LONGEST_SECONDS else 0.0,
        saved_at=timezone.localtime(draft.saved_at),
    )


def _pace(project: LabelProject, user: User) -> Pace:
    own = project.assignments.filter(annotator=user, state=AssignmentState.SUBMITTED).order_by("-pk")
    times = list(own.values_list("annotation__seconds", flat=True)[:LABELS_OF_PACE])
    return Pace(
        progress(project, user), labels_an_hour(times), project.is_open and project.reveal != Reveal.AFTER_SUBMIT
    )
