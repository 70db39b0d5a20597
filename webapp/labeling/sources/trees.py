"""Items of search trees: a problem and the steps so far, and the different ways in which the search went on."""

import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from django.db.models import Count, Exists, OuterRef, Q, QuerySet

from training.events import NODE_STATUSES
from webapp.inspection.prefixes import Frame
from webapp.inspection.prompts import prompt_frame
from webapp.labeling.choices import Mode
from webapp.labeling.items import ItemDraft, ResponseDraft, why_not
from webapp.labeling.models import LabelProject
from webapp.labeling.sources.drawing import Asked, Drawn, name_of, runs_with
from webapp.runs.models import Run
from webapp.search.models import SearchNode, SearchNodeText, SearchTree

AT_ONCE = 25
"""Nodes whose trees are read together: a tree may have ten thousand nodes."""
SO_FAR = "The response so far:"
VERDICTS = {"right": True, "wrong": False}
Place = tuple[int, int]
"""A tree's id and a node's number."""


@dataclass(slots=True)
class _Nodes:
    """Some trees without their texts."""

    parents: dict[Place, int] = field(default_factory=dict)
    children: dict[Place, list[int]] = field(default_factory=dict)
    """By parent, in the order of numbers."""
    facts: dict[Place, tuple[int, int]] = field(default_factory=dict)
    """Status and tokens."""

    def path(self, place: Place) -> list[int]:
        """Nodes from the root's child to this one."""
        tree, number = place
        path = []
        while number > 0:
            path.append(number)
            number = self.parents[tree, number]
        return path[::-1]


def runs_with_trees() -> QuerySet[Run]:
    """Runs of which trees are stored with all their nodes."""
    return runs_with(Run.objects.filter(Exists(SearchTree.objects.filter(run=OuterRef("pk"), stored=True))))


def draw(project: LabelProject, asked: Asked) -> Drawn:
    """Items of nodes with two children or more, at most ``asked.count``; the same for the same seed.

    At most ``asked.responses`` different children of a node are taken. A node that is in the project already is left
    out, and one whose children all say the same.
    """
    trees = SearchTree.objects.filter(run=asked.run, split=asked.split, stored=True, **asked.steps("step"))
    parents = SearchNode.objects.filter(tree__in=trees, parent__gte=0).order_by("tree", "parent")
    matching: list[Place] = list(
        parents.values("tree", "parent")
        .annotate(count=Count("number"))
        .filter(count__gte=2)
        .values_list("tree", "parent")
    )
    addresses = {pk: (step, index) for pk, step, index in trees.order_by().values_list("pk", "step", "index")}
    here = _already_here(project, asked)
    new = [place for place in matching if (*addresses[place[0]], place[1]) not in here]
    random.Random(asked.seed).shuffle(new)
    drawn = Drawn(len(matching), len(matching) - len(new))
    frame = prompt_frame(asked.run)
    for start in range(0, len(new), AT_ONCE):
        batch = new[start : start + AT_ONCE]
        known = trees.select_related("prompt").in_bulk([tree for tree, _ in batch])
        nodes = _read_nodes(known)
        texts = _read_texts(nodes, batch)
        for place in batch:
            if len(drawn.drafts) == asked.count:
                return drawn
            draft = _draft(known[place[0]], place, nodes, texts, frame, asked)
            if draft is None or why_not(Mode(project.mode), draft):
                drawn.too_alike += 1
            else:
                drawn.drafts.append(draft)
    return drawn


def _already_here(project: LabelProject, asked: Asked) -> set[tuple[int, int, int]]:
    """Step and number of the tree, and number of the node, of this run's items in the project."""
    items = project.items.filter(origin__run=asked.run.pk, origin__split=asked.split, origin__has_key="node")
    return {(told["step"], told["tree"], told["node"]) for told in items.values_list("origin", flat=True)}


def _read_nodes(trees: Mapping[int, SearchTree]) -> _Nodes:
    nodes = _Nodes()
    rows = SearchNode.objects.filter(tree__in=trees).order_by("tree", "number")
    for tree, number, parent, status, tokens in rows.values_list("tree", "number", "parent", "status", "tokens"):
        nodes.parents[tree, number] = parent
        nodes.children.setdefault((tree, parent), []).append(number)
        nodes.facts[tree, number] = (status, tokens)
    return nodes


def _read_texts(nodes: _Nodes, places: Sequence[Place]) -> dict[Place, str]:
    """Texts of the children of these nodes, and of those on the way to them."""
    wanted = Q()
    for place in places:
        wanted |= Q(tree=place[0], number__in=[*nodes.path(place), *nodes.children[place]])
    found = SearchNodeText.objects.filter(wanted).values_list("tree", "number", "text")
    return {(tree, number): text for tree, number, text in found}


def _draft(
    tree: SearchTree, place: Place, nodes: _Nodes, texts: Mapping[Place, str], frame: Frame, asked: Asked
) -> ItemDraft | None:
    """The item of a node; None where too few of its children differ."""
    number = place[1]
    different: dict[str, int] = {}
    for child in nodes.children[place]:
        if text := texts.get((tree.pk, child), "").strip():
            different.setdefault(text, child)
    chosen = list(different.values())
    random.Random(f"{asked.seed}/{tree.step}/{tree.index}/{number}").shuffle(chosen)
    if len(chosen) < 2:
        return None
    responses = [
        _response(tree, child, nodes, texts[tree.pk, child], asked) for child in sorted(chosen[: asked.responses])
    ]
    so_far = "".join(texts.get((tree.pk, node), "") for node in nodes.path(place))
    problem = frame.split(tree.prompt.text)[1].strip()
    prompt = f"{problem}\n\n{SO_FAR}\n\n{so_far}" if so_far.strip() else problem
    origin = {
        "run": asked.run.pk, "step": tree.step, "split": tree.split, "tree": tree.index, "node": number,
        "problem": tree.prompt.problem_id, "seed": asked.seed,
    }  # fmt: skip
    return ItemDraft(prompt, responses, tree.prompt.answer, origin)


def _response(tree: SearchTree, child: int, nodes: _Nodes, text: str, asked: Asked) -> ResponseDraft:
    status, tokens = nodes.facts[tree.pk, child]
    return ResponseDraft(
        text=text, source=name_of(asked.run, tree.step), correct=VERDICTS.get(NODE_STATUSES[status]), length=tokens,
        run_id=asked.run.pk, step=tree.step, split=tree.split, group_index=tree.index, tree_node=child,
    )  # fmt: skip
