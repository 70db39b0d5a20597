"""What a labeler does with what they were given: label it, take that back, skip it, flag it, keep a draft."""

import json
import math
import uuid
from typing import Any

from django.db import DataError, IntegrityError, transaction
from django.utils import timezone

from webapp.accounts.models import User
from webapp.core.errors import UserError
from webapp.labeling.choices import LIVE, AnnotationKind, AssignmentState, FlagReason, Reveal, SkipReason
from webapp.labeling.counters import recount
from webapp.labeling.models import Annotation, Assignment, Draft, Flag, LabelItem, LabelProject
from webapp.labeling.projects import may_label
from webapp.labeling.queue import free_slot, lasts_until, take_turn
from webapp.labeling.values import stored_value

LONGEST_COMMENT = 2000
LARGEST_DRAFT = 64 * 1024
"""In characters of JSON."""


def submit(
    assignment: Assignment, user: User, client_id: uuid.UUID, value: object, seconds: float, comment: str = ""
) -> Annotation:
    """Store a label. The same ``client_id`` always means the same row, however often and whenever it is sent.

    A label that comes after its reservation expired is not lost: it takes a free place of the item if there is one,
    else it is kept as one more than were wanted (its assignment then has no ``slot``). A project that was closed
    meanwhile takes it too. Raises UserError (403) for another user's assignment, (409) for one that is labeled, skipped
    or withdrawn, and (400) for a value that is no label of the project's mode.
    """
    try:
        with transaction.atomic():
            return _submit(assignment, user, client_id, value, seconds, comment)
    except IntegrityError as error:
        # The same id was just stored with another assignment, whose locks are not ours.
        raise UserError("This label was sent twice for different items. Reload the page.", status=409) from error


def _submit(
    assignment: Assignment, user: User, client_id: uuid.UUID, value: object, seconds: float, comment: str
) -> Annotation:
    item, current = _locked(assignment, user)
    sent_before = Annotation.objects.filter(client_id=client_id).first()
    if sent_before is not None:
        if sent_before.assignment_id != current.pk:
            raise UserError("This label was sent for another item already. Reload the page.", status=409)
        return sent_before
    _hold_again(current, item)
    made = Annotation.objects.create(
        item=item,
        assignment=current,
        annotator=user,
        client_id=client_id,
        kind=AnnotationKind.REPEAT if current.repeat_of_id else AnnotationKind.LABEL,
        value=stored_value(current, value),
        comment=clean_comment(comment),
        seconds=seconds if math.isfinite(seconds) and seconds > 0 else 0.0,
    )
    _end(current, AssignmentState.SUBMITTED)
    return made


@transaction.atomic
def undo_last(user: User, project: LabelProject) -> Assignment | None:
    """Take the labeler's latest label back and give them the item again, in the same order; None if there is none.

    The label's row stays, withdrawn; its draft goes to the new assignment, whose handles are the same. Raises UserError
    (403) for those who may not label, who could not give it again, and (409) in a closed project and in one that told
    who wrote what: a label given after that would not be blind.
    """
    if not may_label(project, user):
        raise UserError(f"You are not among those who label {project.name}: your labels stay as they are.", status=403)
    if project.reveal == Reveal.AFTER_SUBMIT:
        raise UserError("You were told who wrote these responses, so your label stays as it is.", status=409)
    if not project.is_open:
        raise UserError(f"{project.name} is closed: your labels stay as they are.", status=409)
    take_turn(project, user)
    last = (
        Annotation.objects.filter(
            annotator=user, assignment__project=project, assignment__state=AssignmentState.SUBMITTED
        )
        .select_related("assignment")
        .order_by("-pk")
        .first()
    )
    if last is None or last.assignment is None:
        return None
    _, old = _locked(last.assignment, user)
    last.withdrawn_at = timezone.now()
    last.save(update_fields=["withdrawn_at"])
    _end(old, AssignmentState.WITHDRAWN)
    made = _give_again(old, project, user)
    Draft.objects.filter(assignment=old).update(assignment=made)
    recount([old.item_id])
    return made


def _give_again(old: Assignment, project: LabelProject, user: User) -> Assignment:
    """A new reservation of the place that an assignment held."""
    return Assignment.objects.create(
        project=project,
        item_id=old.item_id,
        annotator=user,
        slot=old.slot,
        attempt=old.attempt + 1,
        repeat_of_id=old.repeat_of_id,
        order=old.order,
        handles=old.handles,
        reserved_at=timezone.now(),
        reserved_until=lasts_until(project),
    )


@transaction.atomic
def skip(assignment: Assignment, user: User, reason: SkipReason, comment: str = "") -> None:
    """Pass an item on to others; its labeler is not given it again. Raises UserError as `submit` does."""
    _, current = _locked(assignment, user)
    if current.state == AssignmentState.SKIPPED:
        return
    _require_open(current)
    current.skip_reason, current.skip_comment = reason, clean_comment(comment)
    _end(current, AssignmentState.SKIPPED)


@transaction.atomic
def flag(assignment: Assignment, user: User, reason: FlagReason, comment: str = "") -> Flag:
    """Say that something is wrong with an item. It stays where it is: flags and labels are independent."""
    _locked(assignment, user)
    made, _ = Flag.objects.update_or_create(
        assignment=assignment, reason=reason, defaults={"comment": clean_comment(comment)}
    )
    return made


def save_draft(assignment: Assignment, user: User, value: Any) -> Draft:
    """Keep what was entered so far, and the reservation with it. A draft is not checked before it is submitted.

    Raises UserError when it is too large or holds characters that cannot be stored, and (409) when the item was
    labeled, skipped or withdrawn meanwhile.
    """
    if len(json.dumps(value)) > LARGEST_DRAFT:
        raise UserError("This draft is too large to be saved.")
    try:
        return _save_draft(assignment, user, value)
    except DataError as error:
        raise UserError("This draft holds characters that cannot be stored.") from error


@transaction.atomic
def _save_draft(assignment: Assignment, user: User, value: Any) -> Draft:
    _, current = _locked(assignment, user)
    _require_open(current)
    if current.state == AssignmentState.RESERVED:
        current.reserved_until = lasts_until(current.project)
        current.save(update_fields=["reserved_until"])
    made, _ = Draft.objects.update_or_create(assignment=current, defaults={"value": value})
    return made


def _locked(assignment: Assignment, user: User) -> tuple[LabelItem, Assignment]:
    """Item and assignment as they are now, with the locks that `queue` tells of. Raises UserError (403)."""
    _require_own(assignment, user)
    take_turn(assignment.project, user)
    item = LabelItem.objects.select_for_update(no_key=True).get(pk=assignment.item_id)
    return item, Assignment.objects.select_related("project").get(pk=assignment.pk)


def _hold_again(current: Assignment, item: LabelItem) -> None:
    """See that a label may be given: a reservation that expired takes the place that is free, if one is."""
    _require_open(current)
    if current.state != AssignmentState.EXPIRED or current.repeat_of_id:
        return
    newer = Assignment.objects.filter(item=item, annotator=current.annotator, repeat_of=None, state__in=LIVE).first()
    if newer is not None:
        # The labeler was given the item again since: this label is for that reservation.
        if newer.state != AssignmentState.RESERVED:
            raise UserError("You have labeled or skipped this item since.", status=409)
        _end(newer, AssignmentState.EXPIRED)
        item.refresh_from_db(fields=["free"])
    current.slot = free_slot(item)


def _end(current: Assignment, state: AssignmentState) -> None:
    current.state = state
    current.save(update_fields=["state", "slot", "skip_reason", "skip_comment"])
    recount([current.item_id])


def _require_open(current: Assignment) -> None:
    if current.state not in (AssignmentState.RESERVED, AssignmentState.EXPIRED):
        words = AssignmentState(current.state).label.lower()
        raise UserError(f"This item is {words} already. Go on with the next one.", status=409)


def _require_own(assignment: Assignment, user: User) -> None:
    if assignment.annotator_id != user.pk:
        raise UserError("This item was given to somebody else.", status=403)


def clean_comment(comment: str) -> str:
    """A comment as it is stored: without what cannot be, and cut off where it is too long."""
    storable = comment.encode(errors="ignore").decode().replace("\0", "")
    return storable.strip()[:LONGEST_COMMENT]
