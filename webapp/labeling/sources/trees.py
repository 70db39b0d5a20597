"""Items of search trees: a problem and the steps so far, and the different ways in which the search went on."""

import random
from collections.abc import Mapping

from django.db.models import Count, Exists, OuterRef, QuerySet

from training.events import NODE_STATUSES
from webapp.inspection.prefixes import Frame
from webapp.inspection.prompts import prompt_frame
from webapp.labeling.choices import Mode
from webapp.labeling.items import ItemDraft, ResponseDraft, why_not
from webapp.labeling.models import LabelProject
from webapp.labeling.sources.drawing import AT_ONCE, Asked, Drawn, name_of, runs_with
from webapp.runs.models import Run
from webapp.search.models import SearchNode, SearchNodeText, SearchTree

SO_FAR = "The response so far:"
VERDICTS = {"right": True, "wrong": False}
Place = tuple[int, int]
"""A tree's id and a node's number."""


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
        for tree, number in batch:
            if len(drawn.drafts) == asked.count:
                return drawn
            draft = _draft(known[tree], number, frame, asked)
            if draft is None or why_not(Mode(project.mode), draft):
                drawn.too_alike += 1
            else:
                drawn.drafts.append(draft)
    return drawn


def _already_here(project: LabelProject, asked: Asked) -> set[tuple[int, int, int]]:
    """Step and number of the tree, and number of the node, of this run's items in the project."""
    items = project.items.filter(origin__run=asked.run.pk, origin__split=asked.split, origin__has_key="node")
    return {(told["step"], told["tree"], told["node"]) for told in items.values_list("origin", flat=True)}


def _draft(tree: SearchTree, number: int, frame: Frame, asked: Asked) -> ItemDraft | None:
    """The item of a node; None where too few of its children differ."""
    children = {node.number: node for node in SearchNode.objects.filter(tree=tree, parent=number)}
    path = _path(tree, number)
    found = SearchNodeText.objects.filter(tree=tree, number__in=[*path, *children])
    texts: Mapping[int, str] = dict(found.values_list("number", "text"))
    different: dict[str, int] = {}
    for child in sorted(children):
        if text := texts.get(child, "").strip():
            different.setdefault(text, child)
    chosen = list(different.values())
    random.Random(f"{asked.seed}/{tree.step}/{tree.index}/{number}").shuffle(chosen)
    if len(chosen) < 2:
        return None
    source = name_of(asked.run, tree.step)
    responses = [
        ResponseDraft(
            text=texts[child], source=source, correct=VERDICTS.get(NODE_STATUSES[children[child].status]),
            length=children[child].tokens, run_id=asked.run.pk, step=tree.step, split=tree.split,
            group_index=tree.index, tree_node=child,
        )
        for child in sorted(chosen[: asked.responses])
    ]  # fmt: skip
    so_far = "".join(texts.get(node, "") for node in path)
    problem = frame.split(tree.prompt.text)[1].strip()
    prompt = f"{problem}\n\n{SO_FAR}\n\n{so_far}" if so_far.strip() else problem
    origin = {
        "run": asked.run.pk, "step": tree.step, "split": tree.split, "tree": tree.index, "node": number,
        "problem": tree.prompt.problem_id, "seed": asked.seed,
    }  # fmt: skip
    return ItemDraft(prompt, responses, tree.prompt.answer, origin)


def _path(tree: SearchTree, number: int) -> list[int]:
    """Nodes from the root's child to this one; parents have lower numbers than their children."""
    parents = dict(SearchNode.objects.filter(tree=tree, number__lte=number).values_list("number", "parent"))
    path = []
    while number > 0:
        path.append(number)
        number = parents[number]
    return path[::-1]
