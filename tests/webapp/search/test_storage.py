"""Searches are stored whole, rewound with their steps, and thinned out by a rule that says so."""

import pytest
from pytest_django.fixtures import Settings

from tests.factories import make_run
from tests.made_solutions import EPOCH, found, make_solution, searching_run
from tests.made_trees import made_tree, store_made_tree, store_made_trees
from training.events import SolutionsFound
from webapp.inspection.removal import remove_rollouts
from webapp.search.models import SearchBody, SearchNode, SearchNodeText, SearchTree, VerifiedSolution
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
