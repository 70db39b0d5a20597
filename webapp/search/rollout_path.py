"""The way of a recorded response through its tree, for the pages of responses: they belong to the app below."""

from django.urls import reverse

from webapp.inspection.models import Rollout
from webapp.inspection.tree_path import PathStep, TreePath
from webapp.search.models import SearchBody, SearchNode


def path_of_rollout(rollout: Rollout) -> TreePath | None:
    """None where the response was recorded in no tree."""
    body = SearchBody.objects.filter(tree__group=rollout.group_id).only("search", "credit", "trajectories").first()
    if body is None:
        return None
    leaves = {each["rollout"]: each["leaf"] for each in body.trajectories}
    if rollout.index not in leaves:
        return None
    tree = reverse("search:tree", args=[body.pk])
    return TreePath(
        address=f"{tree}?node={leaves[rollout.index]}",
        search=body.search,
        credit=body.credit,
        recorded=tuple(sorted(leaves)),
        steps=_steps(body, tree, leaves, rollout.index),
    )


def _steps(body: SearchBody, tree: str, leaves: dict[int, int], index: int) -> tuple[PathStep, ...]:
    parents = list(SearchNode.objects.filter(tree=body.pk).order_by("number").values_list("parent", flat=True))
    if not parents or max(leaves.values()) >= len(parents):
        return ()
    paths = {place: _path(parents, leaf) for place, leaf in leaves.items()}
    mine = paths[index]
    figures = SearchNode.objects.filter(tree=body.pk, number__in=mine).values_list("number", "tokens", "q")
    values = {number: (tokens, q) for number, tokens, q in figures}
    sets = {place: set(path) for place, path in paths.items()}
    return tuple(
        PathStep(
            node, f"{tree}?node={node}", *values[node], tuple(place for place in sorted(sets) if node in sets[place])
        )
        for node in mine
    )


def _path(parents: list[int], leaf: int) -> list[int]:
    """Nodes from the root's child to the leaf. Parents have lower numbers than their children."""
    path = []
    while leaf > 0:
        path.append(leaf)
        leaf = parents[leaf]
    return path[::-1]
