"""Pages of runs, steps, groups and rollouts lead to their trees, in a bounded number of queries."""

import pytest
from django.test import Client
from pytest_django import DjangoAssertNumQueries

from tests.factories import make_group, make_run
from tests.made_trees import made_tree, store_made_tree, store_made_trees
from webapp.runs.models import Run
from webapp.search import evidence
from webapp.search.models import HardSubset, SearchBody

pytestmark = pytest.mark.django_db


def content(client: Client, address: str) -> str:
    return " ".join(client.get(address).content.decode().split())


def test_a_step_tells_its_trees_and_leads_to_them(researcher_client: Client) -> None:
    run = make_run(method={"kind": "deepsearch"})
    store_made_trees(run, [made_tree(seed=n, index=n, nodes=20, step=4, solved=n != 1) for n in range(3)])
    for headers in ({}, {"HX-Request": "true"}):
        page = " ".join(researcher_client.get(f"/runs/{run.pk}/steps/4/", headers=headers).content.decode().split())
        assert "3 trees: <strong>2 solved</strong>" in page
        assert f'href="/runs/{run.pk}/trees/?step=4&amp;split=train"' in page
    listed = researcher_client.get(f"/runs/{run.pk}/trees/?step=4&split=train&format=json").json()
    assert len(listed["trees"]) == 3


def test_a_step_without_trees_says_nothing_of_them(researcher_client: Client) -> None:
    group = make_group(make_run())
    page = content(researcher_client, f"/runs/{group.run_id}/steps/1/")
    assert "step-trees" not in page
    assert "Its tree" not in content(researcher_client, f"/groups/{group.pk}/")
    assert "Its tree" not in content(researcher_client, f"/rollouts/{group.rollouts.all()[0].pk}/")


def test_a_group_and_its_rollouts_lead_into_their_tree(researcher_client: Client) -> None:
    tree = store_made_tree(make_run(method={"kind": "deepsearch"}), made_tree(nodes=40))
    assert tree.group is not None
    assert f'href="/trees/{tree.pk}/"' in content(researcher_client, f"/groups/{tree.group.pk}/")
    leaves = {each["rollout"]: each["leaf"] for each in SearchBody.objects.get(tree=tree).trajectories}
    for rollout in tree.group.rollouts.all()[:3]:
        page = content(researcher_client, f"/rollouts/{rollout.pk}/")
        assert f'href="/trees/{tree.pk}/?node={leaves[rollout.index]}"' in page
    SearchBody.objects.filter(tree=tree).update(trajectories=[])
    assert f'href="/trees/{tree.pk}/"' in content(researcher_client, f"/rollouts/{rollout.pk}/")


def test_a_run_shows_the_tabs_of_what_it_has_or_promises(researcher_client: Client) -> None:
    plain, searching = make_run(), make_run(method={"kind": "deepsearch", "hard_subset": {"enabled": True}})
    page = content(researcher_client, f"/runs/{plain.pk}/")
    assert f"/runs/{plain.pk}/trees/" not in page
    assert "hard-subset" not in page
    page = content(researcher_client, f"/runs/{searching.pk}/")
    assert f"/runs/{searching.pk}/trees/" in page
    assert f"/runs/{searching.pk}/hard-subset/" in page
    store_made_tree(plain, made_tree(nodes=20))
    assert f"/runs/{plain.pk}/trees/" in content(researcher_client, f"/runs/{plain.pk}/")


def test_each_question_takes_one_query(django_assert_max_num_queries: DjangoAssertNumQueries) -> None:
    run = make_run(method={"kind": "deepsearch"})
    tree = store_made_tree(run, made_tree(nodes=20))
    HardSubset.objects.create(run=run, step=0, phase=0, samples=1, ids=[], right=[], kept=[], cached=[], tokens=0)
    promised = Run(config={"method": {"kind": "deepsearch", "hard_subset": {"enabled": True}}})
    with django_assert_max_num_queries(4):
        assert evidence.parts_of(run) == evidence.Parts(trees=True, hard_subset=True)
        assert evidence.trees_of_step(run, 1, "train").trees == 1
        assert evidence.tree_of_group(tree.group_id or 0) == tree.pk
        assert evidence.place_of_rollout(tree.group_id or 0, 99) == evidence.Place(tree.pk, None)
    with django_assert_max_num_queries(0):
        assert evidence.parts_of(promised).hard_subset
