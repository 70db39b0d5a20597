"""How pages write what labels say, and the way from a rollout to its labels."""

from typing import Any

from django import template

from webapp.inspection.models import Rollout
from webapp.labeling import agreement_page
from webapp.labeling.triangle.labels_of_rollout import labels_of_rollout

register = template.Library()


@register.filter
def gap_name(gap: dict[str, Any]) -> str:
    """A bin of length gaps in words."""
    return agreement_page.gap_name(gap["low"], gap["high"])


@register.filter
def time_name(each: dict[str, Any]) -> str:
    """A bin of seconds."""
    return agreement_page.time_name(each["low"], each["high"])


@register.inclusion_tag("labeling/rollout_labels.html")
def rollout_labels(rollout: Rollout) -> dict[str, Any]:
    """What people said of a rollout, with ways to the items in which it is labeled; nothing where it is in none."""
    return {"found": labels_of_rollout(rollout)}
