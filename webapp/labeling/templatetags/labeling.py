"""How pages write what labels say, and the way from a rollout to its labels."""

from typing import Any

from django import template

from webapp.accounts.models import User
from webapp.inspection.models import Rollout
from webapp.labeling import agreement_page
from webapp.labeling.models import LabelItem, LabelProject
from webapp.labeling.naming import name_for
from webapp.labeling.triangle.labels_of_rollout import labels_of_rollout
from webapp.runs.models import Run

register = template.Library()


@register.filter
def gap_name(gap: dict[str, Any]) -> str:
    """A bin of length gaps in words."""
    return agreement_page.gap_name(gap["low"], gap["high"])


@register.filter
def time_name(each: dict[str, Any]) -> str:
    """A bin of seconds."""
    return agreement_page.time_name(each["low"], each["high"])


@register.filter
def named_for(annotator: User, reader: User) -> str:
    """What ``reader`` may call an annotator."""
    return name_for(reader, annotator.pk, annotator.username)


@register.inclusion_tag("labeling/run_triangle.html")
def run_triangle(run: Run) -> dict[str, Any]:
    """Ways to the projects whose responses a run has scored, held against people and verifier."""
    scored = LabelItem.objects.filter(scores__run=run).values("project")
    return {"run": run, "projects": LabelProject.objects.filter(pk__in=scored).only("slug", "name")}


@register.inclusion_tag("labeling/rollout_labels.html")
def rollout_labels(rollout: Rollout) -> dict[str, Any]:
    """What people said of a rollout, with ways to the items in which it is labeled; nothing where it is in none."""
    return {"found": labels_of_rollout(rollout)}
