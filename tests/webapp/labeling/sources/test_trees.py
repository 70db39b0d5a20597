"""Items of search trees: the path so far as the prompt, the different children as responses."""

from typing import Any

import pytest

from tests.factories import make_run
from tests.made_trees import made_tree, store_made_tree
from tests.webapp.labeling.made import project_of
from webapp.labeling.choices import Mode
from webapp.labeling.items import add_items
from webapp.labeling.models import LabelProject
from webapp.labeling.rollout_links import origins
from webapp.labeling.sources.drawing import Asked
from webapp.labeling.sources.trees import draw, runs_with_trees
from webapp.runs.models import Run
from webapp.search.models import SearchNode, SearchNodeText, SearchTree

pytestmark = pytest.mark.django_db


@pytest.fixture
def run(db: None) -> Run:
    return make_run("search", method={"kind": "deepsearch"})


@pytest.fixture
def tree(run: Run) -> SearchTree:
    return store_made_tree(run, made_tree(40, width=4, seed=3, step=2, index=5))


@pytest.fixture
def project(db: None) -> LabelProject:
    return project_of(0, Mode.TREE_STEP)


def asked(run: Run, **values: Any) -> Asked:
    usual = {"split": "train", "first_step": None, "last_step": None, "responses": 9, "count": 50, "seed": 0}
    return Asked(run=run, **usual | values)


def test_every_node_that_branches_is_an_item_of_its_path_and_children(
    run: Run, tree: SearchTree, project: LabelProject
) -> None:
    drawn = draw(project, asked(run))
    parents = {node.parent for node in SearchNode.objects.filter(tree=tree, parent__gte=0)}
    assert drawn.matching == len(parents) > 5
    assert {draft.origin["node"] for draft in drawn.drafts} == parents
    deepest = max(drawn.drafts, key=lambda draft: len(draft.prompt))
    texts = dict(SearchNodeText.objects.filter(tree=tree).values_list("number", "text"))
    rows = {node.number: node for node in SearchNode.objects.filter(tree=tree)}
    node, path = deepest.origin["node"], ""
    while node > 0:
        path, node = texts[node] + path, rows[node].parent
    assert deepest.prompt.endswith(f"The response so far:\n\n{path}")
    assert deepest.reference == "33"
    for response in deepest.responses:
        assert response.tree_node is not None
        assert rows[response.tree_node].parent == deepest.origin["node"]
        assert response.text == texts[response.tree_node]
        assert (response.run_id, response.step, response.group_index, response.split) == (run.pk, 2, 5, "train")
    first = next(draft for draft in drawn.drafts if draft.origin["node"] == 0)
    assert "so far" not in first.prompt


def test_ends_are_right_or_wrong_and_other_steps_neither(run: Run, tree: SearchTree, project: LabelProject) -> None:
    told = {each.tree_node: each.correct for draft in draw(project, asked(run)).drafts for each in draft.responses}
    ends = SearchNode.objects.filter(tree=tree, status__in=(2, 3)).values_list("number", "status")
    assert {number: told[number] for number, _ in ends} == {number: status == 2 for number, status in ends}
    assert set(told.values()) == {True, False, None}


def test_children_are_cut_by_the_seed_and_equal_ones_taken_once(
    run: Run, tree: SearchTree, project: LabelProject
) -> None:
    two = draw(project, asked(run, responses=2)).drafts
    assert {len(draft.responses) for draft in two} == {2}
    assert two == draw(project, asked(run, responses=2)).drafts
    assert two != draw(project, asked(run, responses=2, seed=1)).drafts
    SearchNodeText.objects.filter(tree=tree, number__gt=0).update(text="same\n")
    drawn = draw(project, asked(run))
    assert (drawn.drafts, drawn.too_alike) == ([], drawn.matching)


def test_the_part_of_the_run_is_as_asked_and_dropped_trees_have_none(run: Run, project: LabelProject) -> None:
    for step in (1, 2, 3):
        store_made_tree(run, made_tree(20, width=3, seed=step, step=step))
    store_made_tree(run, made_tree(20, seed=9, step=2, index=1, stored=False))
    drawn = draw(project, asked(run, first_step=2, last_step=2))
    assert {(draft.origin["step"], draft.origin["tree"]) for draft in drawn.drafts} == {(2, 0)}
    assert draw(project, asked(run, split="heldout")).matching == 0
    assert [*runs_with_trees()] == [run]


def test_nodes_in_the_project_are_not_drawn_again_and_lead_back_to_the_tree(
    run: Run, tree: SearchTree, project: LabelProject
) -> None:
    add_items(project, draw(project, asked(run, count=3)).drafts)
    drawn = draw(project, asked(run))
    assert (drawn.already_here, len(drawn.drafts)) == (3, drawn.matching - 3)
    responses = list(project.items.get(number=1).responses.all())
    assert [each.url for each in origins(responses)] == [
        f"/trees/{tree.pk}/?node={each.tree_node}" for each in responses
    ]


def test_many_items_take_few_queries(
    run: Run, tree: SearchTree, project: LabelProject, django_assert_max_num_queries: Any
) -> None:
    for step in (3, 4):
        store_made_tree(run, made_tree(40, width=4, seed=step, step=step))
    with django_assert_max_num_queries(14):
        assert len(draw(project, asked(run)).drafts) > 20
