"""What travels to the viewer: small, whole, kept by browsers for as long as it is true."""

import gzip
import json
from typing import Any

import pytest
from django.test import Client

from tests.factories import make_run
from tests.made_trees import made_tree, store_made_tree
from webapp.search.models import SearchNode, SearchTree
from webapp.search.removal import drop_nodes
from webapp.search.tree_page import data_address

pytestmark = pytest.mark.django_db

MOST_BYTES = 200_000


def data_of(client: Client, tree: SearchTree) -> dict[str, Any]:
    return client.get(f"/trees/{tree.pk}/data").json()


def test_ten_thousand_nodes_fit_into_200_kilobytes(researcher_client: Client) -> None:
    tree = store_made_tree(make_run(), made_tree(nodes=10_000, seed=1))
    answer = researcher_client.get(f"/trees/{tree.pk}/data", headers={"Accept-Encoding": "gzip"})
    assert answer["Content-Encoding"] == "gzip"
    assert len(answer.content) <= MOST_BYTES, len(answer.content)
    content = json.loads(gzip.decompress(answer.content))
    assert content["nodes"] == tree.nodes >= 10_000
    assert all(len(column) == tree.nodes for column in content["columns"].values())


def test_columns_hold_what_is_stored_with_as_many_digits_as_matter(researcher_client: Client) -> None:
    tree = store_made_tree(make_run(), made_tree(nodes=90))
    columns = data_of(researcher_client, tree)["columns"]
    for node in SearchNode.objects.filter(tree=tree):
        assert columns["parent"][node.number] == node.parent
        assert columns["visits"][node.number] == node.visits
        assert columns["q"][node.number] == pytest.approx(node.q, abs=1e-4)
        assert columns["surprise"][node.number] == pytest.approx(node.surprise, abs=1e-3)
        assert (columns["advantage"][node.number] is None) == (node.advantage is None)
    assert "text" not in json.dumps(columns)


def test_every_recorded_end_leads_to_its_rollout(researcher_client: Client) -> None:
    tree = store_made_tree(make_run(), made_tree(nodes=90))
    assert tree.group is not None
    rollouts = dict(data_of(researcher_client, tree)["rollouts"])
    recorded = SearchNode.objects.filter(tree=tree).exclude(recorded=0).values_list("number", flat=True)
    assert set(rollouts) == set(recorded)
    assert set(rollouts.values()) == set(tree.group.rollouts.values_list("pk", flat=True))


def test_the_address_names_what_it_holds_so_that_browsers_may_keep_it(researcher_client: Client) -> None:
    tree = store_made_tree(make_run(), made_tree())
    answer = researcher_client.get(data_address(tree))
    assert "immutable" in answer["Cache-Control"]
    assert answer["Cache-Control"].startswith("private")
    again = researcher_client.get(data_address(tree), headers={"If-None-Match": answer["ETag"]})
    assert again.status_code == 304
    assert not again.content
    assert "immutable" not in researcher_client.get(f"/trees/{tree.pk}/data?v=other")["Cache-Control"]
    before = data_address(tree)
    drop_nodes([tree.pk], "Too many.")
    tree.refresh_from_db()
    assert data_address(tree) != before
    assert researcher_client.get(f"/trees/{tree.pk}/data", headers={"If-None-Match": answer["ETag"]}).status_code == 200


def test_clients_that_take_no_gzip_get_plain_json(researcher_client: Client) -> None:
    tree = store_made_tree(make_run(), made_tree())
    answer = researcher_client.get(f"/trees/{tree.pk}/data", headers={"Accept-Encoding": "identity"})
    assert "Content-Encoding" not in answer
    assert answer["Vary"].count("Accept-Encoding") == 1
    assert answer.json()["tree"] == tree.pk


def test_reading_the_data_takes_as_many_queries_however_large_the_tree(
    researcher_client: Client, django_assert_max_num_queries: Any
) -> None:
    tree = store_made_tree(make_run(), made_tree(nodes=2000))
    with django_assert_max_num_queries(6):
        researcher_client.get(f"/trees/{tree.pk}/data")


def test_texts_come_on_demand_and_only_their_beginnings(researcher_client: Client) -> None:
    record = made_tree()
    record.texts[3] = "a" * 1000
    record.texts[4] = "\u202eevil"
    tree = store_made_tree(make_run(), record)
    answer = researcher_client.get(f"/trees/{tree.pk}/texts?nodes=3,4,9999999,x,-1,").json()
    assert answer == {"texts": {"3": "a" * 160, "4": "⟦202E⟧evil"}}


def test_texts_are_searched_on_the_server(researcher_client: Client) -> None:
    record = made_tree()
    record.texts[3] = "Hence 50% of_it"
    tree = store_made_tree(make_run(), record)
    search = f"/trees/{tree.pk}/search"
    assert researcher_client.get(search, {"q": "hence 50%"}).json() == {"nodes": [3], "more": False}
    assert researcher_client.get(search, {"q": "hence%it"}).json()["nodes"] == [], "no wildcards"
    assert researcher_client.get(search, {"q": "\x00 "}).json()["nodes"] == []


def test_the_export_holds_everything(researcher_client: Client) -> None:
    record = made_tree(nodes=80)
    tree = store_made_tree(make_run(), record)
    answer = researcher_client.get(f"/trees/{tree.pk}.json")
    assert f'filename="tree-{tree.pk}.json"' in answer["Content-Disposition"]
    whole = answer.json()
    assert whole["texts"] == record.texts
    assert len(whole["columns"]["q"]) == record.nodes
    assert [len(ids) for ids in whole["token_ids"]] == whole["columns"]["tokens"]
    assert len(whole["replay"]["change_node"]) == sum(whole["replay"]["changes"])
    assert whole["problem"]["answer"] == "33"


@pytest.mark.parametrize("address", ["", "data", "texts?nodes=1", "search?q=a", "nodes/0/", "others"])
def test_there_is_nothing_at_wrong_ids(researcher_client: Client, address: str) -> None:
    assert researcher_client.get(f"/trees/987654/{address}").status_code == 404
