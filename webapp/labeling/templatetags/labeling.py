"""How pages write what labels say, and the way from a rollout to its labels."""

from typing import Any

from django import template

from webapp.inspection.models import Rollout
from webapp.labeling import agreement_page
from webapp.labeling.models import ItemResponse

register = template.Library()

MOST_LINKS = 5
"""Items a rollout is linked to."""


@register.filter
def gap_name(gap: dict[str, Any]) -> str:
    """A bin of length gaps in words."""
    return agreement_page.gap_name(gap["low"], gap["high"])


@register.filter
def time_name(each: dict[str, Any]) -> str:
    """A bin of seconds."""
    return agreement_page.time_name(each["low"], each["high"])


@register.inclusion_tag("labeling/adjudicate_link.html")
def rollout_labels(rollout: Rollout) -> dict[str, Any]:
    """Links to the items of label projects in which this response stands."""
    rows = ItemResponse.objects.filter(
        run=rollout.run_id, step=rollout.step, split=rollout.split,
        group_index=rollout.group.index, rollout_index=rollout.index,
    )  # fmt: skip
    return {"responses": rows.select_related("item__project").order_by("pk")[:MOST_LINKS]}
