"""What pages of runs, steps, groups and rollouts ask about searches, each in one query."""

from dataclasses import dataclass

from django.db.models import Count, Exists, OuterRef, Q

from training.solutions.keys import solution_key
from webapp.inspection.models import Rollout
from webapp.runs.models import Run
from webapp.search.models import HardSubset, SearchBody, SearchTree, VerifiedSolution

NEVER_SEARCHES = frozenset({"sft", "reward_model", "dpo"})
"""Methods that are not asked whether they left trees."""


@dataclass(frozen=True, slots=True)
class Parts:
    """Which pages of searches a run has."""

    trees: bool
    hard_subset: bool


@dataclass(frozen=True, slots=True)
class StepTrees:
    """The trees of one step, counted."""

    trees: int
    solved: int
    uniform: int


@dataclass(frozen=True, slots=True)
class Place:
    """Where a rollout comes from: a tree, and the node its trajectory ends in."""

    tree: int
    leaf: int | None


def parts_of(run: Run) -> Parts:
    """What its method promises counts, too: the pages then say when something will be there."""
    method = run.config.get("method", {})
    promised = Parts(method.get("kind") == "deepsearch", bool(method.get("hard_subset", {}).get("enabled")))
    if (promised.trees and promised.hard_subset) or method.get("kind") in NEVER_SEARCHES:
        return promised
    there = Run.objects.filter(pk=run.pk).values_list(
        Exists(SearchTree.objects.filter(run=OuterRef("pk"))), Exists(HardSubset.objects.filter(run=OuterRef("pk")))
    )
    trees, hard_subset = there.first() or (False, False)
    return Parts(promised.trees or trees, promised.hard_subset or hard_subset)


def trees_of_step(run: Run, step: int, split: str) -> StepTrees:
    counts = SearchTree.objects.filter(run=run, step=step, split=split).aggregate(
        trees=Count("pk"),
        wins=Count("pk", filter=Q(solved=True)),
        alike=Count("pk", filter=Q(uniform=True)),
    )
    return StepTrees(counts["trees"], counts["wins"], counts["alike"])


def tree_of_group(group: int) -> int | None:
    """The tree whose recorded trajectories this group holds."""
    return SearchTree.objects.filter(group=group).values_list("pk", flat=True).first()


def solution_of_rollout(rollout: Rollout, text: str) -> int | None:
    """The verified solution that a response was kept as, or that stood in for it."""
    if rollout.correct is not True:
        return None
    named = VerifiedSolution.objects.filter(key=solution_key(text))
    if rollout.cached:
        mine = named.filter(uses__run=rollout.run_id, uses__step=rollout.step)
    else:
        mine = named.filter(tree__group=rollout.group_id)
    return mine.values_list("pk", flat=True).first()


def place_of_rollout(group: int, index: int) -> Place | None:
    """Where the rollout with this index of the group ends in the group's tree; None without a tree."""
    found = SearchBody.objects.filter(tree__group=group).values_list("tree", "trajectories").first()
    if found is None:
        return None
    tree, trajectories = found
    return Place(tree, next((each["leaf"] for each in trajectories if each["rollout"] == index), None))
