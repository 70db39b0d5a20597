"""The counters of items, computed from their assignments."""

from collections.abc import Sequence

from django.db.models import Case, Count, F, IntegerField, OuterRef, Q, QuerySet, Subquery, When
from django.db.models.functions import Coalesce, Greatest

from webapp.labeling.choices import HOLDING, AssignmentState
from webapp.labeling.models import Assignment, LabelItem, LabelProject


def recount(item_ids: Sequence[int]) -> None:
    """Set ``submitted`` and ``free`` of items whose row locks the caller holds.

    The locks must have been taken by an earlier statement: PostgreSQL would not count anew what another transaction
    committed while this one waited.
    """
    overlap = LabelProject.objects.filter(pk=OuterRef("project")).values("overlap")
    wanted = Coalesce(F("wanted"), Subquery(overlap))
    LabelItem.objects.filter(pk__in=item_ids).update(
        submitted=_count(Q(state=AssignmentState.SUBMITTED)),
        free=Case(When(set_aside=True, then=0), default=Greatest(wanted - _count(Q(state__in=HOLDING)), 0)),
    )


def _count(counted: Q) -> Coalesce:
    """Number of an item's assignments, without repeats."""
    found: QuerySet[Assignment] = Assignment.objects.filter(counted, item=OuterRef("pk"), repeat_of=None)
    number = found.order_by().values("item").annotate(number=Count("pk")).values("number")
    return Coalesce(Subquery(number, output_field=IntegerField()), 0)
