"""From the address that a response keeps to the rollout or the tree that stands there now, if any does."""

from collections.abc import Sequence
from dataclasses import dataclass

from django.db.models import Q
from django.urls import reverse

from webapp.inspection.models import Rollout
from webapp.labeling.models import ItemResponse
from webapp.search.models import SearchTree


@dataclass(frozen=True, slots=True)
class Origin:
    """Where a response came from, in words, and the page that shows it; no address where that is gone."""

    text: str
    url: str


def origins(responses: Sequence[ItemResponse]) -> list[Origin]:
    """Of each response; empty words for those that come from no run. Two queries, however many there are."""
    rollouts, trees = _rollouts(responses), _trees(responses)
    return [_origin(each, rollouts.get(_address(each)), trees.get(_place(each))) for each in responses]


def _origin(response: ItemResponse, rollout: int | None, tree: int | None) -> Origin:
    if response.step is None:
        return Origin("", "")
    run = f"run {response.run_id}" if response.run_id else "a deleted run"
    if response.group_index is None:  # it was no rollout: a checkpoint was asked
        address = reverse("runs:checkpoints", args=[response.run_id]) if response.run_id else ""
        return Origin(f"{run}, checkpoint of step {response.step}", address)
    where = f"{run}, step {response.step}, {response.split}, group {response.group_index}"
    if response.tree_node is not None:
        address = f"{reverse('search:tree', args=[tree])}?node={response.tree_node}" if tree else ""
        return Origin(f"{where}, node {response.tree_node}", address)
    address = reverse("inspection:rollout", args=[rollout]) if rollout else ""
    return Origin(f"{where}, response {response.rollout_index}", address)


def _place(response: ItemResponse) -> tuple[object, ...]:
    return (response.run_id, response.step, response.split, response.group_index)


def _address(response: ItemResponse) -> tuple[object, ...]:
    return (response.run_id, response.step, response.split, response.group_index, response.rollout_index)


def _rollouts(responses: Sequence[ItemResponse]) -> dict[tuple[object, ...], int]:
    """Rollouts by their address."""
    asked = Q()
    for each in responses:
        if each.run_id and each.rollout_index is not None:
            asked |= Q(run=each.run_id, step=each.step, split=each.split, group__index=each.group_index,
                       index=each.rollout_index)  # fmt: skip
    if not asked:
        return {}
    found = Rollout.objects.filter(asked).values_list("run", "step", "split", "group__index", "index", "pk")
    return {tuple(row[:-1]): row[-1] for row in found}


def _trees(responses: Sequence[ItemResponse]) -> dict[tuple[object, ...], int]:
    """Trees by run, step, split and number."""
    asked = Q()
    for each in responses:
        if each.run_id and each.tree_node is not None:
            asked |= Q(run=each.run_id, step=each.step, split=each.split, index=each.group_index)
    if not asked:
        return {}
    found = SearchTree.objects.filter(asked).values_list("run", "step", "split", "index", "pk")
    return {tuple(row[:-1]): row[-1] for row in found}
