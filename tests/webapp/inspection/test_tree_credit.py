"""The advantages of responses from trees, spelled out, are those that training used."""

from typing import Any

import numpy as np
import pytest
from django.test import Client
from pytest_django.fixtures import DjangoAssertNumQueries

from tests.factories import make_group, make_run
from tests.made_trees import made_tree, store_made_tree
from tests.webapp.inspection.trained_trees import searched_run
from webapp.inspection.models import Rollout, RolloutGroup
from webapp.inspection.notes import group_notes, mark_reused
from webapp.inspection.rollout_page import RolloutPage, read_rollout
from webapp.inspection.tree_path import path_of
from webapp.inspection.why import explain
from webapp.runs.models import Run
from webapp.search.models import SearchNode, SearchTree

pytestmark = pytest.mark.django_db
RULES: list[dict[str, Any]] = [
    {},
    {"credit": {"q_temperature": 2.0, "q_max": 0.5, "uniform_trees": "keep"}, "reward": {"overlong_buffer": 40}},
    {"credit": {"kind": "outcome", "uniform_trees": "drop"}, "loss": {"advantage_scale": "population"}},
    {"credit": {"kind": "subtree_value", "root_share": 0.5}, "loss": {"advantage_scale": "sample"}},
    {"credit": {"shared_prefix": "once"}, "search": {"width": 3, "max_depth": 6, "incomplete_reward": -0.5}},
]


def pages(run: Run) -> list[RolloutPage]:
    return [read_rollout(pk) for pk in Rollout.objects.filter(run=run).order_by("pk").values_list("pk", flat=True)]


@pytest.mark.parametrize("rule", RULES)
def test_every_step_is_credited_as_training_did(rule: dict[str, Any]) -> None:
    run = searched_run(**({"cache": {"drop_garbage": False}} | rule))
    kept = set(SearchTree.objects.filter(run=run, stored=True).values_list("group", flat=True))
    seen = 0
    for page in pages(run):
        credit = page.tree_credit
        assert credit is not None
        assert credit.trained is page.rollout.group.trained
        assert page.credit is None
        if page.rollout.group_id not in kept:
            continue
        assert page.arrays is not None
        assert [step.first for step in credit.steps] == [0, *(step.end for step in credit.steps[:-1])]
        assert credit.steps[-1].end == page.rollout.length
        used = page.arrays.get("advantage")
        for step in credit.steps if credit.trained else []:
            assert used is not None
            np.testing.assert_allclose(used[step.first : step.end], step.advantage, rtol=2e-3, atol=2e-3)
            assert step.agrees
            seen += 1
    assert seen > 10


def test_the_panel_of_a_token_names_its_step_and_the_way_to_it(researcher_client: Client) -> None:
    run = searched_run()
    page = next(
        page for page in pages(run) if page.tree_credit and len(page.tree_credit.steps) > 1 and not page.untrained
    )
    credit = page.tree_credit
    assert credit is not None
    token = credit.steps[-1].first
    why = explain(page, token)
    assert why is not None
    assert why.step is not None
    assert (why.step.number, why.step.is_last) == (len(credit.steps), True)
    said = researcher_client.get(f"/rollouts/{page.rollout.pk}/tokens/{token}/").content.decode()
    tree, node = SearchTree.objects.get(group=page.rollout.group_id).pk, why.step.path.node
    assert f'<a href="/trees/{tree}/?node={node}">node {node}</a>' in said
    assert "shared by the tokens of this step" in said
    twin = researcher_client.get(f"/rollouts/{page.rollout.pk}/?format=json").json()["steps"]
    assert [each["node"] for each in twin] == [step.path.node for step in credit.steps]
    assert "shared by all tokens" not in said
    shown = researcher_client.get(f"/rollouts/{page.rollout.pk}/").content.decode()
    assert f"{len(credit.steps)} steps of the tree" in shown
    assert "not what these" not in shown + said
    assert "all tokens of a step of the tree share it" in shown


def test_the_rule_for_trees_of_equal_ends_is_said_in_words(researcher_client: Client) -> None:
    made = {}
    for rule in ("keep", "drop", "confident_wrong"):
        run = make_run(method={"kind": "deepsearch", "credit": {"uniform_trees": rule}})
        for index, reward in enumerate((0.0, 1.0)):
            trained = rule == "keep" or (rule == "confident_wrong" and not reward)
            group = make_group(run, index=index, rewards=[reward] * 3, trained=trained, tokens=True)
            made[rule, reward] = group_notes(group, run.config), read_rollout(group.rollouts.first().pk).untrained  # type: ignore[union-attr]
        page = researcher_client.get(f"/runs/{run.pk}/steps/1/").content.decode()
        assert "dynamic sampling" not in page
        assert "2 of 32 groups were written." in page
        assert "no gradient" not in page
    said = {key: ([note.text for note in notes], untrained[:31]) for key, (notes, untrained) in made.items()}
    alike, right = "All ends of this tree are alike", "All ends of this tree are right"
    assert said == {
        ("keep", 0.0): ([], ""),
        ("keep", 1.0): (["all ends right"], ""),
        ("drop", 0.0): (["no end right: not trained"], alike),
        ("drop", 1.0): (["all ends right: not trained"], alike),
        ("confident_wrong", 0.0): (["no end right: pushed down"], ""),
        ("confident_wrong", 1.0): (["all ends right: not trained"], right),
    }  # fmt: skip


def test_cached_solutions_are_marked_and_credited_by_what_ends_are_worth(researcher_client: Client) -> None:
    run = searched_run(2, cache={"fill": "at_once"})
    cached = Rollout.objects.filter(run=run, cached=True).first()
    assert cached is not None
    assert cached.step == 2
    assert path_of(cached) is None
    for sibling in cached.group.rollouts.all():
        page = read_rollout(sibling.pk)
        assert page.tree_credit is None
        assert page.credit is not None
        assert page.credit.of_worth
        assert page.credit.agrees or page.is_garbage
    mark_reused([cached.group])
    assert "cached solutions" in [note.text for note in group_notes(cached.group, run.config)]
    for address in (f"/rollouts/{cached.pk}/", f"/groups/{cached.group_id}/", f"/runs/{run.pk}/rollouts/?step_min=2"):
        assert "cached solution</span>" in researcher_client.get(address).content.decode()
    shown = researcher_client.get(f"/rollouts/{cached.pk}/").content.decode()
    assert "this one did not sample it" in shown
    assert ">cached solutions</span>" in researcher_client.get(f"/runs/{run.pk}/steps/2/").content.decode()
    said = researcher_client.get(f"/rollouts/{cached.pk}/tokens/0/").content.decode()
    assert "and this is one of them" in said
    assert researcher_client.get(f"/rollouts/{cached.pk}/?format=json").json()["cached"] is True


def test_without_the_nodes_it_says_so_and_keeps_what_training_used(researcher_client: Client) -> None:
    run = searched_run()
    SearchNode.objects.filter(tree__run=run).delete()
    page = next(page for page in pages(run) if page.rollout.group.trained)
    assert page.tree_credit is not None
    assert page.tree_credit.steps == []
    assert "the nodes were not kept" in researcher_client.get(f"/rollouts/{page.rollout.pk}/").content.decode()
    assert "that of its step" in researcher_client.get(f"/rollouts/{page.rollout.pk}/tokens/0/").content.decode()


def test_a_stored_advantage_of_another_origin_is_noticed(researcher_client: Client) -> None:
    run = searched_run()
    page = next(page for page in pages(run) if page.tree_credit and page.tree_credit.trained)
    tokens = page.rollout.tokens
    tokens.advantage_array = np.full(page.rollout.length, 7, "<f2").tobytes()
    tokens.save()
    assert not read_rollout(page.rollout.pk).tree_credit.agrees  # type: ignore[union-attr]
    assert "not what these figures give" in researcher_client.get(f"/rollouts/{page.rollout.pk}/").content.decode()


def test_a_response_left_out_as_garbage_says_so() -> None:
    run = make_run(method={"kind": "deepsearch"}, step=1)
    group = make_group(run, rewards=[1.0, 0.0], texts=["<answer>1</answer>", "one two three " * 30], tokens=True)
    Rollout.objects.filter(group=group, index=1).update(advantage=0.0)
    assert "repetition" in read_rollout(Rollout.objects.get(group=group, index=1).pk).untrained
    assert read_rollout(Rollout.objects.get(group=group, index=0).pk).untrained == ""


def test_paths_end_at_the_leaf_and_know_who_shares_their_steps() -> None:
    run = make_run(method={"kind": "deepsearch"})
    tree = store_made_tree(run, made_tree())
    group = RolloutGroup.objects.get(run=run)
    nodes = {node.number: node for node in tree.node_rows.all()}
    for rollout in group.rollouts.all():
        path = path_of(rollout)
        assert path is not None
        assert nodes[path.steps[0].node].parent == 0
        assert path.address == f"/trees/{tree.pk}/?node={path.steps[-1].node}"
        assert all(len(step.through) == nodes[step.node].trajectories for step in path.steps)
        assert all(rollout.index in step.through for step in path.steps)


def test_a_response_of_a_large_tree_is_explained_in_few_questions(
    researcher_client: Client, django_assert_max_num_queries: DjangoAssertNumQueries
) -> None:
    run = make_run(method={"kind": "deepsearch"})
    store_made_tree(run, made_tree(nodes=3000))
    rollout = Rollout.objects.filter(run=run).first()
    assert rollout is not None
    with django_assert_max_num_queries(16):
        assert researcher_client.get(f"/rollouts/{rollout.pk}/").status_code == 200
