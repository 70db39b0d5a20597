"""The page of one search: its problem, its figures, what was recorded, and where to go from here."""

from dataclasses import dataclass

from django.db.models import QuerySet
from django.shortcuts import get_object_or_404
from django.urls import reverse

from training.events import RECORDED
from webapp.core.errors import UserError
from webapp.inspection.models import Rollout
from webapp.inspection.prompts import prompt_frame
from webapp.search.models import SearchBody, SearchNode, SearchTree
from webapp.search.tree_payload import fingerprint

MOST_OTHERS = 30

RECORDED_WORDS = {"no": "–", "right": "right", "confident_wrong": "confident wrong", "wrong": "wrong"}
"""How RECORDED is said."""


@dataclass(frozen=True, slots=True)
class Recorded:
    """A recorded trajectory."""

    leaf: int
    node: SearchNode | None
    """Where it ends; None where the nodes are gone."""
    rollout: Rollout | None

    @property
    def as_what(self) -> str:
        return RECORDED_WORDS[RECORDED[self.node.recorded]] if self.node else "–"


@dataclass(frozen=True, slots=True)
class TreePage:
    """Everything the page of a search shows around its viewer."""

    tree: SearchTree
    body: SearchBody | None
    prompt: tuple[str, str, str]
    """Template, problem, template."""
    trajectories: list[Recorded]
    previous: int | None
    next: int | None
    """Neighbours among the searches of the step."""

    @property
    def data_address(self) -> str:
        return data_address(self.tree)

    @property
    def reused(self) -> float | None:
        """Share of the prefixes' tokens that did not run through the model again."""
        total = self.tree.prefix_tokens
        return 1 - self.tree.prefix_recomputed / total if total else None


def data_address(tree: SearchTree) -> str:
    """Where the viewer finds its columns; another address whenever they change."""
    return f"{reverse('search:tree_data', args=[tree.pk])}?v={fingerprint(tree)}"


def find_tree(tree_id: int) -> SearchTree:
    """The search of an address, with its run, problem and group, or a 404."""
    return get_object_or_404(SearchTree.objects.select_related("run", "prompt", "group"), pk=tree_id)


def read_page(tree: SearchTree) -> TreePage:
    """The page of a search that `find_tree` found."""
    body = SearchBody.objects.filter(tree=tree).only("search", "credit", "trajectories").first()
    return TreePage(
        tree=tree,
        body=body,
        prompt=prompt_frame(tree.run).split(tree.prompt.text),
        trajectories=_trajectories(tree, body),
        previous=_neighbour(tree, forward=False),
        next=_neighbour(tree, forward=True),
    )


def find_pair(a: str, b: str) -> tuple[SearchTree, SearchTree]:
    """Two searches with all their nodes. Raises UserError where there is nothing to compare."""
    if not (a.isdecimal() and b.isdecimal()) or a == b or max(len(a), len(b)) > 18:
        raise UserError("Name two trees to compare: /trees/compare/?a=…&b=…")
    pair = find_tree(int(a)), find_tree(int(b))
    for tree in pair:
        if not tree.stored:
            raise UserError(f"Of tree {tree.pk} only the figures are kept, so it cannot be compared node by node.")
    return pair


def others_of(tree: SearchTree) -> list[SearchTree]:
    """Other searches of the same problem that can be compared: of this run first, then of others, newest first."""
    rows = SearchTree.objects.select_related("run").exclude(pk=tree.pk).filter(stored=True)
    same_run = list(rows.filter(prompt=tree.prompt_id).order_by("-id")[:MOST_OTHERS])
    elsewhere = rows.exclude(run=tree.run_id).filter(
        prompt__problem_id=tree.prompt.problem_id, prompt__text=tree.prompt.text
    )
    return same_run + list(elsewhere.order_by("-id")[: MOST_OTHERS - len(same_run)])


def _trajectories(tree: SearchTree, body: SearchBody | None) -> list[Recorded]:
    if body is None:
        return []
    leaves = [each["leaf"] for each in body.trajectories]
    nodes = {node.number: node for node in SearchNode.objects.filter(tree=tree, number__in=leaves)}
    rollouts: dict[int, Rollout] = {}
    if tree.group_id is not None:
        rollouts = {row.index: row for row in Rollout.objects.filter(group=tree.group_id, greedy=False)}
    return [
        Recorded(each["leaf"], nodes.get(each["leaf"]), rollouts.get(each["rollout"])) for each in body.trajectories
    ]


def _neighbour(tree: SearchTree, *, forward: bool) -> int | None:
    same_step: QuerySet[SearchTree] = SearchTree.objects.filter(run=tree.run_id, step=tree.step, split=tree.split)
    if forward:
        rows = same_step.filter(index__gt=tree.index).order_by("index")
    else:
        rows = same_step.filter(index__lt=tree.index).order_by("-index")
    return rows.values_list("pk", flat=True).first()
