"""Who labels which item next.

What holds when many ask at once: the row lock of a labeler's turn lets one request of theirs through at a time, and the
row lock of an item guards its assignments and counters. Every change takes them in this order, one of each, so that no
two changes can wait for each other.

An item with free places is found by the partial index ``item_wants_labels``, in the order of numbers; items that the
labeler has had are left out by probes of ``item_once_an_annotator``. So finished items cost nothing, and what grows is
how far a labeler is ahead of the others. With 100,000 items of overlap 3, of which 60,000 were finished, a request took
10 statements and 25 ms; for a labeler 20,000 items ahead 70 ms (EXPLAIN: 20,003 probes, 45 ms).
"""

from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db import transaction
from django.db.models import Count, Exists, F, Min, OuterRef, PositiveIntegerField, Q, QuerySet, Sum
from django.db.models.functions import Coalesce, Least
from django.utils import timezone

from webapp.accounts.models import User
from webapp.core.errors import UserError
from webapp.labeling.choices import HOLDING, LIVE, AssignmentState
from webapp.labeling.counters import recount
from webapp.labeling.models import Assignment, LabelerTurn, LabelItem, LabelProject
from webapp.labeling.ordering import new_handles, shown_order
from webapp.labeling.projects import may_label

EXPIRED_AT_ONCE = 100
"""Overdue reservations that one request frees; the next one goes on."""


@dataclass(frozen=True, slots=True)
class Progress:
    """Counts for a labeler: of their own, and of all."""

    submitted: int
    skipped: int
    repeats: int
    left: int
    """Items that they could be given now, and those that they hold. A repeat that they hold is told only as the last
    one, so that a number that stands still does not give it away."""
    items: int
    complete: int
    labels: int
    wanted: int


def next_assignment(project: LabelProject, user: User) -> Assignment | None:
    """What ``user`` is to label now, reserved for them; None when nothing is left for them.

    Their own reservation if they hold one (overdue or not, the latest first), else now and then a mirrored repeat, else
    the lowest-numbered item with a free place that they neither labeled nor skipped. Raises UserError for those who may
    not label and for a closed project.
    """
    if not may_label(project, user):
        raise UserError(f"You are not among those who label {project.name}.", status=403)
    if not project.is_open:
        raise UserError(f"{project.name} is closed: no more labels are wanted.", status=409)
    # A transaction of its own: it may lock many items, and must not wait for another while it does.
    expire(project, spare=user)
    with transaction.atomic():
        turn = take_turn(project, user)
        return _held(project, user) or _repeat(turn) or _reserve(turn)


@transaction.atomic
def expire(project: LabelProject, spare: User | None = None) -> None:
    """Free the places of overdue reservations, but not those of ``spare``, who is back."""
    overdue = project.assignments.filter(state=AssignmentState.RESERVED, reserved_until__lt=timezone.now())
    if spare is not None:
        overdue = overdue.exclude(annotator=spare)
    ids = list(overdue.order_by("reserved_until").values_list("item", flat=True)[:EXPIRED_AT_ONCE])
    if not ids:
        return
    items = LabelItem.objects.filter(pk__in=ids).select_for_update(no_key=True, skip_locked=True)
    locked = list(items.values_list("pk", flat=True))
    overdue.filter(item__in=locked).update(state=AssignmentState.EXPIRED)
    recount(locked)


def take_turn(project: LabelProject, user: User) -> LabelerTurn:
    """Lock the labeler's turn; inside a transaction, before any item is locked.

    Raises UserError (404) when the project was deleted while this waited.
    """
    turn, made = LabelerTurn.objects.select_for_update(no_key=True).get_or_create(project=project, user=user)
    if made and not list(LabelProject.objects.select_for_update(no_key=True).filter(pk=project.pk).values_list("pk")):
        raise UserError(f"{project.name} was deleted meanwhile.", status=404)
    turn.project, turn.user = project, user
    return turn


def free_slot(item: LabelItem) -> int | None:
    """The lowest place of a locked item that nobody holds; None when it wants no more labels."""
    if not item.free:
        return None
    taken = set(item.assignments.filter(state__in=HOLDING).values_list("slot", flat=True))
    return next(slot for slot in range(len(taken) + 1) if slot not in taken)


def lasts_until(project: LabelProject) -> datetime:
    """When a reservation made now ends."""
    return timezone.now() + timedelta(minutes=project.reservation_minutes)


def wanted_of(project: LabelProject, user: User) -> QuerySet[LabelItem]:
    """Items with a free place that this labeler has not had, in order."""
    had = Assignment.objects.filter(item=OuterRef("pk"), annotator=user, state__in=LIVE, repeat_of=None)
    return project.items.filter(~Exists(had), free__gt=0).order_by("number")


def next_free_at(project: LabelProject, user: User) -> datetime | None:
    """When the first reservation of another labeler ends whose item ``user`` has not had; None if there is none."""
    had = Assignment.objects.filter(item=OuterRef("item"), annotator=user, state__in=LIVE, repeat_of=None)
    others = project.assignments.filter(~Exists(had), state=AssignmentState.RESERVED, repeat_of=None)
    others = others.filter(item__set_aside=False)
    first: datetime | None = others.exclude(annotator=user).aggregate(first=Min("reserved_until"))["first"]
    return first


def progress(project: LabelProject, user: User) -> Progress:
    """How far ``user`` and all labelers together are; surplus labels do not make up for others' missing ones, and
    items that are set aside do not count.
    """
    own = project.assignments.filter(annotator=user).aggregate(
        submitted=Count("pk", filter=Q(state=AssignmentState.SUBMITTED, repeat_of=None)),
        skipped=Count("pk", filter=Q(state=AssignmentState.SKIPPED)),
        repeats=Count("pk", filter=Q(state=AssignmentState.SUBMITTED, repeat_of__isnull=False)),
        had=Count("pk", filter=Q(state__in=LIVE, repeat_of=None, item__free__gt=0)),
        held=Count("pk", filter=Q(state=AssignmentState.RESERVED, repeat_of=None)),
        repeating=Count("pk", filter=Q(state=AssignmentState.RESERVED, repeat_of__isnull=False)),
    )
    wanted = Coalesce("wanted", "project__overlap")
    every = (
        project.items.filter(set_aside=False)
        .annotate(goal=wanted)
        .aggregate(
            items=Count("pk"),
            complete=Count("pk", filter=Q(submitted__gte=F("goal"))),
            open=Count("pk", filter=Q(free__gt=0)),
            labels=Coalesce(Sum(Least("submitted", "goal", output_field=PositiveIntegerField())), 0),
            wanted=Coalesce(Sum("goal"), 0),
        )
    )
    left = every.pop("open") - own.pop("had") + own.pop("held")
    return Progress(left=max(left, min(own.pop("repeating"), 1)), **own, **every)


def _held(project: LabelProject, user: User) -> Assignment | None:
    """The reservation that the labeler holds, made to last anew."""
    own = project.assignments.filter(annotator=user, state=AssignmentState.RESERVED).order_by("-reserved_at", "-pk")
    found = own.select_related("item").first()
    # Had another request freed it since, it would match no more.
    if found is None or not own.filter(pk=found.pk).update(reserved_until=lasts_until(project)):
        return None
    found.refresh_from_db(fields=["reserved_until"])
    return found


def _repeat(turn: LabelerTurn) -> Assignment | None:
    """If a repeat is due, the earliest label of this labeler that they have not repeated, in reverse order."""
    every = turn.project.mirror_every
    if not every or (turn.handed + 1) % every:
        return None
    done = turn.project.assignments.filter(annotator=turn.user, state=AssignmentState.SUBMITTED, repeat_of=None)
    done = done.filter(item__set_aside=False)
    again = Assignment.objects.filter(repeat_of=OuterRef("pk"), state__in=LIVE)
    first = done.filter(~Exists(again)).select_related("item").order_by("pk").first()
    if first is None:
        return None
    return _hand(turn, first.item, order=first.order[::-1], repeat_of=first)


def _reserve(turn: LabelerTurn) -> Assignment | None:
    wanting = wanted_of(turn.project, turn.user)
    # Items that others are just being given are passed over. Should these be all there are, wait for them: a place
    # may stay free.
    item = wanting.select_for_update(no_key=True, skip_locked=True).first()
    item = item or wanting.select_for_update(no_key=True).first()
    slot = free_slot(item) if item else None
    if item is None or slot is None:
        return None
    attempt = item.assignments.filter(annotator=turn.user, repeat_of=None).count()
    count = item.responses.count()
    order = shown_order(turn.project.pk, item.pk, turn.user.pk, attempt, count)
    made = _hand(turn, item, order=order, slot=slot, attempt=attempt)
    recount([item.pk])
    return made


def _hand(
    turn: LabelerTurn,
    item: LabelItem,
    *,
    order: list[int],
    slot: int | None = None,
    attempt: int = 0,
    repeat_of: Assignment | None = None,
) -> Assignment:
    LabelerTurn.objects.filter(pk=turn.pk).update(handed=turn.handed + 1)
    return Assignment.objects.create(
        project=turn.project,
        item=item,
        annotator=turn.user,
        slot=slot,
        attempt=attempt,
        repeat_of=repeat_of,
        order=order,
        handles=new_handles(len(order)),
        reserved_at=timezone.now(),
        reserved_until=lasts_until(turn.project),
    )
