"""The page of a search, its panel and its comparison: what they show, say of what is missing, and never let through."""

import re
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone

from tests.factories import make_run
from tests.made_trees import made_tree, store_made_tree, store_made_trees
from webapp.accounts.models import User
from webapp.search.models import SearchBody, SearchNode, SearchTree, VerifiedSolution
from webapp.search.removal import drop_nodes

pytestmark = pytest.mark.django_db

HOSTILE = "<script>alert(1)</script><img src=x onerror=alert(2)>\u202egnp.exe {{ 7|add:7 }}"


def fetch(client: Client, address: str) -> str:
    answer = client.get(address)
    assert answer.status_code == 200, (address, answer.status_code)
    return answer.content.decode()


@pytest.fixture
def tree(db: None) -> SearchTree:
    return store_made_tree(make_run(), made_tree(nodes=120, seed=3, problem_id="p1"))


def recorded_right(tree: SearchTree) -> SearchNode:
    return SearchNode.objects.filter(tree=tree, recorded=1).order_by("number")[0]


def test_the_page_shows_problem_verdict_figures_and_ways_on(researcher_client: Client, tree: SearchTree) -> None:
    store_made_tree(tree.run, made_tree(index=1, seed=9))
    page = fetch(researcher_client, f"/trees/{tree.pk}/")
    assert "p1: 12+7*3=?" in page
    assert "solved" in page
    assert f"/groups/{tree.group_id}/" in page
    assert f"/runs/{tree.run_id}/steps/1/" in page
    assert f"/trees/{tree.pk + 1}/" in page
    assert f'data-src="/trees/{tree.pk}/data?v=' in page
    assert f"/trees/{tree.pk}/?event={tree.first_solved}" in page
    assert tree.group is not None
    for rollout in tree.group.rollouts.all():
        assert f"/rollouts/{rollout.pk}/" in page


def test_the_page_takes_few_queries_however_large_the_tree(
    researcher_client: Client, django_assert_max_num_queries: Any
) -> None:
    tree = store_made_tree(make_run(), made_tree(nodes=2000))
    with django_assert_max_num_queries(12):
        fetch(researcher_client, f"/trees/{tree.pk}/")


def test_a_tree_without_its_nodes_says_why_and_leads_to_its_rollouts(
    researcher_client: Client, tree: SearchTree
) -> None:
    never = store_made_tree(tree.run, made_tree(index=1, seed=5, stored=False))
    page = fetch(researcher_client, f"/trees/{never.pk}/")
    assert "kept_trees" in page
    assert "<search-tree" not in page
    assert never.group is not None
    assert f"/rollouts/{never.group.rollouts.all()[0].pk}/" in page
    drop_nodes([tree.pk], "This run keeps 5 nodes.")
    page = fetch(researcher_client, f"/trees/{tree.pk}/")
    assert "This run keeps 5 nodes." in page
    assert "figures only" in page
    assert f"/rollouts/{tree.group.rollouts.all()[0].pk}/" in page  # type: ignore[union-attr]


def test_a_tree_without_group_or_body_is_shown_all_the_same(researcher_client: Client, tree: SearchTree) -> None:
    SearchBody.objects.filter(tree=tree).delete()
    SearchTree.objects.filter(pk=tree.pk).update(group=None)
    assert "None were recorded." in fetch(researcher_client, f"/trees/{tree.pk}/")
    assert "Node 5" in fetch(researcher_client, f"/trees/{tree.pk}/nodes/5/")
    assert researcher_client.get(f"/trees/{tree.pk}/data").json()["replay"] == {}
    assert researcher_client.get(f"/trees/{tree.pk}.json").json()["replay"] == {}


def test_only_researchers_may_pin(client: Client, viewer: User, researcher_client: Client, tree: SearchTree) -> None:
    assert 'name="pinned"' in fetch(researcher_client, f"/trees/{tree.pk}/")
    client.force_login(viewer)
    assert 'name="pinned"' not in fetch(client, f"/trees/{tree.pk}/")


def test_the_twin_holds_the_figures(researcher_client: Client, tree: SearchTree) -> None:
    twin = researcher_client.get(f"/trees/{tree.pk}/?format=json").json()
    assert twin["nodes"] == tree.nodes
    assert twin["run"] == tree.run_id
    assert len(twin["trajectories"]) == 8
    assert twin["export"] == f"/trees/{tree.pk}.json"


def test_the_panel_writes_scores_with_their_terms(researcher_client: Client, tree: SearchTree) -> None:
    node = recorded_right(tree)
    panel = fetch(researcher_client, f"/trees/{tree.pk}/nodes/{node.number}/")
    assert "recorded as right" in panel
    assert "an end is not expanded" in panel
    assert "√(ln" in panel
    assert f'data-node="{node.parent}"' in panel
    assert "/rollouts/" in panel
    waiting = SearchNode.objects.filter(tree=tree, status=0).order_by("number")[0]
    panel = fetch(researcher_client, f"/trees/{tree.pk}/nodes/{waiting.number}/")
    assert "0.4·tanh(" in panel
    assert "0.01·√(" in panel
    assert "no trajectory through it was trained on" in panel


def test_the_panel_follows_the_replay(researcher_client: Client, tree: SearchTree) -> None:
    node = recorded_right(tree)
    early = fetch(researcher_client, f"/trees/{tree.pk}/nodes/{node.parent}/?event=1")
    assert "at event 1" in early or "not there yet" in early
    root = fetch(researcher_client, f"/trees/{tree.pk}/nodes/0/?event=0")
    assert re.search(r"<dt>N</dt>\s*<dd>0</dd>", root)
    assert fetch(researcher_client, f"/trees/{tree.pk}/nodes/0/?event=99999999999999") == fetch(
        researcher_client, f"/trees/{tree.pk}/nodes/0/"
    )
    assert researcher_client.get(f"/trees/{tree.pk}/nodes/99999/").status_code == 404


def test_the_panel_leads_to_the_verified_solution(researcher_client: Client, tree: SearchTree) -> None:
    node = recorded_right(tree)
    now = timezone.now()
    VerifiedSolution.objects.create(
        problem="p", key="k", problem_id="p1", problem_set="s", prompt="", answer="", text="", token_ids=b"",
        logprobs=b"", tokenizer="t", length=1, verifier="1", found_step=1, tree=tree, node=node.number, found_at=now,
        verified_at=now,
    )  # fmt: skip
    assert "verified solution" in fetch(researcher_client, f"/trees/{tree.pk}/nodes/{node.number}/")


def test_the_panel_takes_few_queries(
    researcher_client: Client, tree: SearchTree, django_assert_max_num_queries: Any
) -> None:
    with django_assert_max_num_queries(13):
        fetch(researcher_client, f"/trees/{tree.pk}/nodes/{recorded_right(tree).number}/")


def test_no_page_lets_model_output_become_html_or_reorder_itself(researcher_client: Client) -> None:
    record = made_tree(nodes=60, problem_id=HOSTILE).model_copy(update={"prompt": HOSTILE, "answer": HOSTILE})
    record.texts[1:] = [HOSTILE] * (len(record.texts) - 1)
    tree = store_made_tree(make_run(), record)
    twin = store_made_tree(tree.run, record.model_copy(update={"step": 2}))
    addresses = (f"/trees/{tree.pk}/", f"/trees/{tree.pk}/nodes/3/", f"/trees/{tree.pk}/others",
                 f"/trees/compare/?a={tree.pk}&b={twin.pk}")  # fmt: skip
    for address in addresses:
        page = fetch(researcher_client, address)
        assert "<script>alert" not in page, address
        assert "<img" not in page, address
        assert "\u202e" not in page, address
        assert "14 }}" not in page, address
    for address in (f"/trees/{tree.pk}/data", f"/trees/{tree.pk}/texts?nodes=3", f"/trees/{tree.pk}.json"):
        answer = researcher_client.get(address)
        assert answer["Content-Type"] == "application/json"
        assert answer["X-Content-Type-Options"] == "nosniff"


def test_other_trees_of_the_problem_are_offered_from_this_run_and_others(
    researcher_client: Client, tree: SearchTree
) -> None:
    later = store_made_tree(tree.run, made_tree(step=3, seed=4, problem_id="p1"))
    elsewhere = store_made_tree(make_run("another"), made_tree(step=7, seed=5, problem_id="p1"))
    store_made_trees(tree.run, [made_tree(step=4, problem_id="p2"), made_tree(step=5, problem_id="p1", stored=False)])
    found = fetch(researcher_client, f"/trees/{tree.pk}/others")
    assert re.findall(r"b=(\d+)", found) == [str(later.pk), str(elsewhere.pk)]
    assert "another, step 7" in found


def test_two_trees_are_compared_and_nothing_else(researcher_client: Client, tree: SearchTree) -> None:
    other = store_made_tree(tree.run, made_tree(step=3, seed=4, problem_id="p1"))
    gone = store_made_tree(tree.run, made_tree(step=4, seed=4, problem_id="p1", stored=False))
    page = fetch(researcher_client, f"/trees/compare/?a={tree.pk}&b={other.pk}")
    assert page.count("<search-tree") == 2
    assert "one problem" in page
    for query in ("", f"?a={tree.pk}", f"?a={tree.pk}&b={tree.pk}", "?a=x&b=2", f"?a={tree.pk}&b={'9' * 30}",
                  f"?a={tree.pk}&b={gone.pk}"):  # fmt: skip
        assert researcher_client.get(f"/trees/compare/{query}").status_code == 400, query
    assert researcher_client.get(f"/trees/compare/?a={tree.pk}&b=987654").status_code == 404
    different = store_made_tree(tree.run, made_tree(step=5, seed=6, problem_id="p9"))
    assert "different problems" in fetch(researcher_client, f"/trees/compare/?a={tree.pk}&b={different.pk}")
