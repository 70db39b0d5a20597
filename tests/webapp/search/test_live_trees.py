"""The trees that grow now: what a run's page is told of them, and when it is told nothing."""

import pytest
from django.test import Client
from pytest_django import DjangoAssertNumQueries

from tests.factories import make_run
from tests.made_trees import made_tree, store_made_tree
from training.events import GrowingTree, TreesGrowing
from training.events.base import Split
from webapp.runs.models import Run
from webapp.runs.status import RunStatus
from webapp.search.models import LiveTree
from workers.ingest.trees import store_glimpse

pytestmark = pytest.mark.django_db

SHOWN = ("parent", "depth", "status", "visits", "q", "tokens")


def glimpse(run: Run, *sizes: int, step: int = 1, at: float = 100.0, prompt: str = "What is 3+4?") -> None:
    trees = []
    for index, nodes in enumerate(sizes):
        made = made_tree(nodes=nodes, seed=index, index=index)
        columns = {name: made.columns[name] for name in SHOWN}
        trees.append(
            GrowingTree(index=index, problem_id=f"p{index}", prompt=prompt, nodes=made.nodes, tokens=made.tokens,
                        recorded=3, solved=index == 0, columns=columns)
        )  # fmt: skip
    store_glimpse(run, TreesGrowing(at=at, step=step, trees=trees, live=3, done=29))


@pytest.fixture
def run() -> Run:
    return make_run(status=RunStatus.RUNNING, method={"kind": "deepsearch"})


def test_it_tells_the_trees_as_they_last_stood(researcher_client: Client, run: Run) -> None:
    glimpse(run, 30, 80)
    body = researcher_client.get(f"/runs/{run.pk}/trees/live").json()
    assert (body["step"], body["live"], body["done"], body["wanted"], body["terminal"]) == (1, 3, 29, 8, False)
    assert [tree["index"] for tree in body["trees"]] == [0, 1]
    assert body["trees"][0]["solved"]
    assert body["trees"][1]["nodes"] == LiveTree.objects.get(index=1).tree["nodes"]
    assert set(body["trees"][0]["columns"]) == {"parent", "depth", "status"}
    assert body["finished"] is None


def test_a_page_that_has_everything_gets_nothing(researcher_client: Client, run: Run) -> None:
    glimpse(run, 30)
    address = f"/runs/{run.pk}/trees/live"
    cursor = researcher_client.get(address).json()["cursor"]
    again = researcher_client.get(address, {"cursor": cursor})
    assert (again.status_code, again.content) == (204, b"")
    glimpse(run, 40, at=101.0)
    newer = researcher_client.get(address, {"cursor": cursor}).json()
    assert newer["cursor"] != cursor
    Run.objects.filter(pk=run.pk).update(status=RunStatus.SUCCEEDED)
    ended = researcher_client.get(address, {"cursor": newer["cursor"]}).json()
    assert ended["terminal"]


def test_a_stored_step_takes_the_place_of_its_glimpses(researcher_client: Client, run: Run) -> None:
    glimpse(run, 30)
    store_made_tree(run, made_tree(nodes=30))
    body = researcher_client.get(f"/runs/{run.pk}/trees/live").json()
    assert body["trees"] == []
    address = f"/runs/{run.pk}/trees/?step=1&split=train"
    assert body["finished"] == {"step": 1, "trees": 1, "solved": 1, "address": address}


@pytest.mark.parametrize("split", ["train", "heldout"])
def test_a_glimpse_that_is_read_with_its_steps_trees_leaves_nothing(run: Run, split: Split) -> None:
    """A worker that lags behind stores a chunk's trees first, then its last glimpse."""
    glimpse(run, 30, step=1)
    store_made_tree(run, made_tree(nodes=30, step=1, split=split))
    assert not LiveTree.objects.exists()
    glimpse(run, 30, 40, step=1)
    assert not LiveTree.objects.exists()
    glimpse(run, 30, 40, step=2)
    assert LiveTree.objects.filter(step=2).count() == 2


def test_the_template_is_left_out_in_the_first_step_already(researcher_client: Client, run: Run) -> None:
    trees = [made_tree(nodes=20, seed=n, index=n) for n in (1, 2)]
    shown = [
        GrowingTree(index=n, problem_id=f"p{n}", prompt=f"<|user|>\n{n}+4?\n<|answer|>", nodes=20, tokens=9, recorded=0,
                    solved=False, columns={name: made.columns[name] for name in SHOWN})
        for n, made in enumerate(trees)
    ]  # fmt: skip
    store_glimpse(run, TreesGrowing(at=1.0, step=1, trees=shown, live=2, done=0))
    body = researcher_client.get(f"/runs/{run.pk}/trees/live").json()
    assert [tree["problem"] for tree in body["trees"]] == ["0+4?", "1+4?"]


def test_hidden_characters_of_a_problem_are_made_visible(researcher_client: Client, run: Run) -> None:
    glimpse(run, 30, prompt="\u202e<b>3+4</b>" + "x" * 4000)
    problem = researcher_client.get(f"/runs/{run.pk}/trees/live").json()["trees"][0]["problem"]
    assert problem.startswith("⟦202E⟧<b>3+4</b>")
    assert len(problem) < 200


def test_a_poll_takes_few_queries(
    researcher_client: Client, run: Run, django_assert_max_num_queries: DjangoAssertNumQueries
) -> None:
    glimpse(run, 30, 30, 30, 30)
    with django_assert_max_num_queries(7):
        cursor = researcher_client.get(f"/runs/{run.pk}/trees/live").json()["cursor"]
    with django_assert_max_num_queries(5):
        researcher_client.get(f"/runs/{run.pk}/trees/live", {"cursor": cursor})


def test_the_strip_stands_on_pages_of_runs_that_search_and_go_on(researcher_client: Client, run: Run) -> None:
    assert 'id="live-trees"' in researcher_client.get(f"/runs/{run.pk}/").content.decode()
    for other in (
        make_run(status=RunStatus.RUNNING),
        make_run(status=RunStatus.STOPPED, method={"kind": "deepsearch"}),
    ):
        assert 'id="live-trees"' not in researcher_client.get(f"/runs/{other.pk}/").content.decode()


def test_runs_without_searches_have_no_trees_and_no_fault(researcher_client: Client) -> None:
    body = researcher_client.get(f"/runs/{make_run(method={'kind': 'sft'}).pk}/trees/live").json()
    assert (body["trees"], body["wanted"], body["finished"]) == ([], None, None)
    assert researcher_client.get("/runs/999/trees/live").status_code == 404
