"""Decides what holds of an item in dispute: a new label beside the others, which all stay as they are."""

import math
import uuid
from typing import Any

from django.db import IntegrityError, transaction
from django.utils import timezone

from webapp.accounts.models import Role, User
from webapp.core.errors import UserError
from webapp.labeling.answers import clean_comment
from webapp.labeling.choices import AnnotationKind
from webapp.labeling.models import Annotation, Assignment, LabelItem
from webapp.labeling.values import stored_value


def in_own_order(item: LabelItem, count: int) -> Assignment:
    """A stand-in, never stored, for the checks of values: responses by number, each its own handle."""
    return Assignment(
        project=item.project, item=item, order=list(range(count)), handles=[str(index) for index in range(count)]
    )


def decision_of(item: LabelItem) -> Annotation | None:
    """The adjudicated label that holds: the latest one that is not withdrawn."""
    decided = item.annotations.filter(kind=AnnotationKind.ADJUDICATED, withdrawn_at=None)
    return decided.select_related("annotator").order_by("-pk").first()


def decide(
    item: LabelItem,
    user: User,
    client_id: uuid.UUID,
    value: object,
    comment: str,
    *,
    seen: int | None = None,
    seconds: float = 0.0,
) -> Annotation:
    """Store an adjudicated label. The same ``client_id`` always means the same row, however often it is sent.

    ``value`` is what `values` takes of the project's mode, with the responses' numbers as handles, the first at the
    left; ``seen`` is the decision that the user knew of. Raises UserError (403) without the role researcher, (400)
    without a comment or for a value that is no label, (409) when somebody else decided meanwhile.
    """
    if not user.has_role(Role.RESEARCHER):
        raise UserError("Adjudicating needs the role researcher.", status=403)
    try:
        with transaction.atomic():
            return _decide(item, user, client_id, value, comment, seen, seconds)
    except IntegrityError as error:
        raise UserError("This decision was sent twice for different items. Reload the page.", status=409) from error


def _decide(
    item: LabelItem, user: User, client_id: uuid.UUID, value: object, comment: str, seen: int | None, seconds: float
) -> Annotation:
    locked = LabelItem.objects.select_for_update(no_key=True, of=("self",)).select_related("project").get(pk=item.pk)
    before = Annotation.objects.filter(client_id=client_id).first()
    if before is not None:
        if (before.item_id, before.annotator_id, before.kind) != (item.pk, user.pk, AnnotationKind.ADJUDICATED):
            raise UserError("This decision was sent for another item already. Reload the page.", status=409)
        return before
    stands = decision_of(locked)
    if stands is not None and stands.pk != seen:
        raise UserError(
            f"{stands.annotator.username} decided item {locked.number} meanwhile. Reload the page to see how.",
            status=409,
        )
    reason = clean_comment(comment)
    if not reason:
        raise UserError("Say in the comment why: others will read the decision.")
    return Annotation.objects.create(
        item=locked,
        annotator=user,
        client_id=client_id,
        kind=AnnotationKind.ADJUDICATED,
        value=_stored(locked, value),
        comment=reason,
        seconds=seconds if math.isfinite(seconds) and seconds > 0 else 0.0,
    )


@transaction.atomic
def withdraw(annotation: Annotation, user: User) -> Annotation:
    """Take a decision back: its row stays, withdrawn. Twice is once.

    Raises UserError (403) for the decision of another, unless an admin asks, and for labelers' labels.
    """
    found = Annotation.objects.select_for_update(no_key=True).get(pk=annotation.pk)
    if found.kind != AnnotationKind.ADJUDICATED:
        raise UserError("Labelers take their own labels back.", status=403)
    if found.annotator_id != user.pk and not user.is_admin:
        raise UserError("Whoever decided can take it back, or an admin. You can decide anew instead.", status=403)
    if found.withdrawn_at is None:
        found.withdrawn_at = timezone.now()
        found.save(update_fields=["withdrawn_at"])
    return found


def _stored(item: LabelItem, value: object) -> dict[str, Any]:
    return stored_value(in_own_order(item, item.responses.count()), value)
