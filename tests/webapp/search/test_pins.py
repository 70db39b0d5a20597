"""Pins: who may set them, on which trees, and that the keeping rule heeds them."""

import pytest
from django.test import Client
from pytest_django.fixtures import Settings

from tests.factories import make_run
from tests.made_trees import made_tree, store_made_trees
from webapp.accounts.models import User
from webapp.runs.models import Run
from webapp.search.models import SearchTree
from workers.ingest.trees import keep_within_budget

pytestmark = pytest.mark.django_db


@pytest.fixture
def run() -> Run:
    run = make_run(method={"kind": "deepsearch"})
    store_made_trees(run, [made_tree(seed=n, index=n, nodes=20, stored=n != 2) for n in range(4)])
    return run


def pinned() -> list[int]:
    return list(SearchTree.objects.filter(pinned=True).order_by("index").values_list("index", flat=True))


def number(index: int) -> int:
    return SearchTree.objects.get(index=index).pk


def test_a_pinned_tree_outlives_the_keeping_rule(researcher_client: Client, run: Run, settings: Settings) -> None:
    answer = researcher_client.post(f"/trees/pins/{number(0)}", {"next": f"/runs/{run.pk}/trees/"})
    assert answer["Location"] == f"/runs/{run.pk}/trees/"
    assert pinned() == [0]
    settings.SEARCH_NODES_PER_RUN = 1
    keep_within_budget(run)
    assert list(SearchTree.objects.filter(stored=True).values_list("index", flat=True)) == [0]


def test_a_pin_is_taken_out_again(researcher_client: Client, run: Run) -> None:
    researcher_client.post(f"/trees/pins/{number(1)}")
    researcher_client.post(f"/trees/pins/{number(1)}", {"pinned": "false"})
    assert pinned() == []


def test_htmx_gets_the_button_anew(researcher_client: Client, run: Run) -> None:
    said = {"HX-Request": "true"}
    button = researcher_client.post(f"/trees/pins/{number(1)}", {"pinned": "true"}, headers=said).content.decode()
    assert 'aria-pressed="true"' in button
    assert 'value="false"' in button
    assert "<h1" not in button


def test_a_tree_without_nodes_cannot_be_pinned(researcher_client: Client, run: Run) -> None:
    answer = researcher_client.post(f"/trees/pins/{number(2)}")
    assert answer.status_code == 400
    assert "no nodes to keep" in answer.content.decode()
    assert pinned() == []


def test_ticked_trees_are_pinned_and_unpinned_together(researcher_client: Client, run: Run) -> None:
    everything = [number(index) for index in range(4)]
    page = researcher_client.post("/trees/pins", {"trees": everything, "pinned": "true"}, follow=True)
    assert "3 trees are pinned. 1 have no nodes to keep." in page.content.decode()
    assert pinned() == [0, 1, 3]
    page = researcher_client.post("/trees/pins", {"trees": everything[:2], "pinned": "false"}, follow=True)
    assert "2 trees are no longer pinned" in page.content.decode()
    assert pinned() == [3]


def test_wrong_requests_change_nothing(researcher_client: Client, run: Run) -> None:
    assert researcher_client.post("/trees/pins", {"pinned": "true"}).status_code == 400
    assert researcher_client.post("/trees/pins", {"trees": ["x"]}).status_code == 400
    assert researcher_client.post("/trees/pins/999999").status_code == 404
    assert researcher_client.get(f"/trees/pins/{number(0)}").status_code == 405
    away = researcher_client.post(f"/trees/pins/{number(0)}", {"next": "https://elsewhere.example/"})
    assert "elsewhere" not in away["Location"]


def test_who_only_looks_may_not_pin(client: Client, viewer: User, run: Run) -> None:
    client.force_login(viewer)
    assert client.post(f"/trees/pins/{number(0)}").status_code == 403
    assert client.post("/trees/pins", {"trees": [number(0)]}).status_code == 403
    assert pinned() == []
    page = client.get(f"/runs/{run.pk}/trees/").content.decode()
    assert "formaction" not in page
    assert 'name="trees"' not in page
