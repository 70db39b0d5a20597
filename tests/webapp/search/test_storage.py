"""Searches are stored whole, rewound with their steps, and thinned out by a rule that says so."""

import pytest
from django.test import Client
from pytest_django.fixtures import Settings

from tests.factories import make_run
from tests.made_solutions import EPOCH, found, make_solution, searching_run, use
from tests.made_trees import made_tree, store_made_tree, store_made_trees
from training.events import SolutionsFound
from webapp.inspection.models import Rollout
from webapp.inspection.removal import remove_rollouts
from webapp.search.models import (
    LiveTree,
    SearchBody,
    SearchNode,
    SearchNodeText,
    SearchTree,
    SolutionUse,
    VerifiedSolution,
)
from webapp.search.removal import remove_trees
from workers.ingest.solutions import store_solutions
from workers.ingest.trees import keep_within_budget, store_trees

pytestmark = pytest.mark.django_db


def test_it_stores_every_node_with_its_text_and_tokens() -> None:
    record = made_tree(nodes=80)
    tree = store_made_tree(make_run(), record)
    nodes = SearchNode.objects.filter(tree=tree)
    assert nodes.count() == record.nodes == tree.nodes
    assert tree.stored
    assert tree.group is not None
    assert tree.group.size == len(record.trajectories)
    texts = dict(SearchNodeText.objects.filter(tree=tree).values_list("number", "text"))
    assert [texts[number] for number in range(record.nodes)] == record.texts
    last = SearchNodeText.objects.get(tree=tree, number=record.nodes - 1)
    assert len(last.token_ids) == 4 * nodes.get(number=record.nodes - 1).tokens
    assert nodes.filter(score=None).exists(), "a node without a part in training has no score"


def test_a_rewind_takes_later_trees_back() -> None:
    run = make_run()
    store_made_trees(run, [made_tree(step=1), made_tree(step=2, seed=1)])
    remove_trees(run, after=1)
    assert list(SearchTree.objects.values_list("step", flat=True)) == [1]
    assert set(SearchNode.objects.values_list("tree__step", flat=True)) == {1}
    assert SearchBody.objects.count() == 1


def test_a_solution_found_again_after_a_rewind_leads_to_its_tree_again() -> None:
    run, finder = searching_run(), searching_run("earlier")
    store_made_trees(run, [made_tree(step=2)])
    mine, theirs = make_solution(run), make_solution(finder, number=1)
    told = SolutionsFound(step=2, found=[found(mine, node=7), found(theirs, node=8)], at=EPOCH.timestamp())
    VerifiedSolution.objects.filter(pk=mine.pk).delete()
    store_solutions(run, told)
    remove_trees(run, after=1)
    remove_rollouts(run, after=1)
    assert VerifiedSolution.objects.get(found_by=run).tree is None
    store_made_trees(run, [made_tree(step=2)])
    store_solutions(run, told)
    mine = VerifiedSolution.objects.get(found_by=run)
    assert (mine.tree, mine.node) == (SearchTree.objects.get(), 7)
    assert VerifiedSolution.objects.get(found_by=finder).tree is None


def test_unsolved_trees_lose_their_nodes_first_and_pinned_ones_never(settings: Settings) -> None:
    run = make_run()
    store_made_trees(run, [made_tree(seed=n, index=n, solved=n % 2 == 0) for n in range(6)])
    SearchTree.objects.filter(index=1).update(pinned=True)
    settings.SEARCH_NODES_PER_RUN = sum(SearchTree.objects.values_list("nodes", flat=True)) - 1
    keep_within_budget(run)
    dropped = SearchTree.objects.get(stored=False)
    assert dropped.index == 3
    assert "keeps" in dropped.dropped
    assert not SearchNode.objects.filter(tree=dropped).exists()
    assert SearchBody.objects.filter(tree=dropped).exists(), "its replay and trajectories stay"


def test_a_tree_is_stored_although_its_group_could_not_be_read() -> None:
    run = make_run()
    store_trees(run, [made_tree(nodes=20, problem_id="alone")])
    tree = SearchTree.objects.get()
    assert tree.group is None
    assert tree.prompt.problem_id == "alone"


def test_a_solution_that_stood_in_twice_in_a_step_is_one_use_with_all_it_saved() -> None:
    run = searching_run()
    often, once = make_solution(run), make_solution(run, problem=1)
    for _ in range(2):  # the second time as after a rewind: told again, counted once
        use(run, 4, often, once, often, tokens_saved=30)
    assert sorted(SolutionUse.objects.values_list("solution", "step", "tokens_saved")) == [
        (often.pk, 4, 60),
        (once.pk, 4, 30),
    ]
    often.refresh_from_db()
    assert (often.times_used, often.tokens_saved) == (1, 60)


def test_a_step_of_which_no_tree_is_kept_has_figures_trajectories_and_solutions(researcher_client: Client) -> None:
    run = searching_run()
    LiveTree.objects.create(run=run, step=1, index=0, tree={}, updated_at=EPOCH)
    store_made_trees(run, [made_tree(seed=n, index=n, stored=False) for n in range(3)])
    solution = make_solution(run)
    VerifiedSolution.objects.filter(pk=solution.pk).delete()
    store_solutions(run, SolutionsFound(step=1, found=[found(solution, node=7)], at=EPOCH.timestamp()))
    trees = list(SearchTree.objects.order_by("index"))
    assert [(tree.stored, tree.solved, tree.group is not None) for tree in trees] == [(False, True, True)] * 3
    assert not SearchNode.objects.exists()
    assert all(body.trajectories and body.kind_array is None for body in SearchBody.objects.all())
    assert not LiveTree.objects.exists(), "the step is over"
    kept = VerifiedSolution.objects.get()
    assert (kept.tree, kept.node) == (trees[0], 7)
    for address in (f"/trees/{trees[0].pk}/?node=7", f"/runs/{run.pk}/trees/", f"/solutions/{kept.pk}/"):
        assert researcher_client.get(address).status_code == 200
    rollout = Rollout.objects.filter(run=run).order_by("pk")[0]
    assert researcher_client.get(f"/rollouts/{rollout.pk}/").status_code == 200
