"""Which steps two searches share."""

import pytest
from django.test import Client

from tests.factories import make_run
from tests.made_trees import made_tree, store_made_tree
from webapp.search.models import SearchNode, SearchNodeText, SearchTree
from webapp.search.tree_matching import match, normalised

pytestmark = pytest.mark.django_db


def stored(step: int, parents: list[int], texts: list[str]) -> SearchTree:
    """A tree of this shape."""
    run = SearchTree.objects.first().run if SearchTree.objects.exists() else make_run()  # type: ignore[union-attr]
    tree = store_made_tree(run, made_tree(step=step, problem_id="p"))
    SearchNode.objects.filter(tree=tree, number__gte=len(parents)).delete()
    for number, (parent, text) in enumerate(zip(parents, texts, strict=True)):
        SearchNode.objects.filter(tree=tree, number=number).update(parent=parent)
        SearchNodeText.objects.filter(tree=tree, number=number).update(text=text)
    return tree


def test_nodes_match_where_all_steps_on_their_paths_do() -> None:
    left = stored(1, [-1, 0, 0, 1, 2], ["", "2 + 3 = 5\n", "b", "then", "then"])
    right = stored(2, [-1, 0, 0, 1, 2], ["", "c", "2+3=5", "then", "THEN"])
    shared = match(left, right)
    assert dict(zip(shared.left, shared.right, strict=True)) == {0: 0, 1: 2, 3: 4}


def test_of_siblings_that_say_the_same_the_first_pair_first() -> None:
    left = stored(1, [-1, 0, 0, 0], ["", "a", "a", "a"])
    right = stored(2, [-1, 0, 0], ["", "a", "a"])
    shared = match(left, right)
    assert list(zip(shared.left, shared.right, strict=True)) == [(0, 0), (1, 1), (2, 2)]


def test_space_and_case_do_not_count() -> None:
    assert normalised(" So 2 +\n2") == normalised("so 2+2")
    assert normalised("2-2") != normalised("2+2")


def test_a_tree_shares_all_nodes_with_its_twin(researcher_client: Client) -> None:
    run = make_run()
    one = store_made_tree(run, made_tree(nodes=300, seed=1, problem_id="p"))
    two = store_made_tree(run, made_tree(nodes=300, seed=1, problem_id="p", step=2))
    answer = researcher_client.get(f"/trees/compare/match?a={one.pk}&b={two.pk}").json()
    assert len(answer["a"]) == one.nodes
    assert len(set(answer["b"])) == one.nodes
