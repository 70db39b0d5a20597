"""Ways from pages of runs, steps, groups and rollouts to their searches: those pages belong to apps below this one."""

from typing import Any

from django import template
from django.urls import reverse

from webapp.inspection.models import Rollout, RolloutGroup
from webapp.runs.models import Run
from webapp.search import evidence

register = template.Library()


@register.simple_tag
def search_parts(run: Run) -> evidence.Parts:
    """Which pages of searches the run has."""
    return evidence.parts_of(run)


@register.inclusion_tag("search/trees_of_step.html")
def step_trees(run: Run, step: int, split: str) -> dict[str, Any]:
    """How many trees the step has, and the way to them; nothing where it has none."""
    return {"run": run, "step": step, "split": split, "counts": evidence.trees_of_step(run, step, split)}


@register.inclusion_tag("search/trees_link.html")
def group_tree(group: RolloutGroup) -> dict[str, Any]:
    """A link to the tree that a group was recorded from."""
    tree = evidence.tree_of_group(group.pk)
    return {"address": reverse("search:tree", args=[tree]) if tree else ""}


@register.inclusion_tag("search/trees_link.html")
def rollout_tree(rollout: Rollout) -> dict[str, Any]:
    """A link to the node of its tree in which a rollout ends."""
    place = evidence.place_of_rollout(rollout.group_id, rollout.index)
    if place is None:
        return {"address": ""}
    node = "" if place.leaf is None else f"?node={place.leaf}"
    return {"address": reverse("search:tree", args=[place.tree]) + node}


@register.inclusion_tag("search/solution_link.html")
def rollout_solution(rollout: Rollout, text: str) -> dict[str, Any]:
    """A link to the verified solution that a response of a search is, if it is one."""
    solution = evidence.solution_of_rollout(rollout, text) if rollout.run.method == "deepsearch" else None
    return {"address": reverse("search:solution", args=[solution]) if solution else ""}


@register.inclusion_tag("search/live.html")
def live_trees(run: Run) -> dict[str, Any]:
    """The trees that grow now, where a run searches and has not ended."""
    return {"run": run, "shown": bool(run.config.get("method", {}).get("search")) and not run.state.is_terminal}
