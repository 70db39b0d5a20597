"""A search as it stood: every event rebuilt, and the last one as stored."""

from typing import Any

import pytest

from tests.factories import make_run
from tests.made_trees import made_tree, store_made_tree
from tests.webapp.search.tree.real_trees import REAL_CONFIGS, real_search, store_real_tree
from training.events import REPLAY_KINDS
from webapp.search.models import SearchBody, SearchNode, SearchTree
from webapp.search.tree_node import read_node
from webapp.search.tree_replay import BACKUP, EXPAND, JUMP, SELECT, VERIFY, Replay, read_replay

pytestmark = pytest.mark.django_db


def replay_of(tree: SearchTree) -> Replay:
    replay = read_replay(SearchBody.objects.get(tree=tree))
    assert replay is not None
    return replay


@pytest.mark.parametrize("seed", range(3))
def test_the_last_event_leaves_what_is_stored(seed: int) -> None:
    tree = store_made_tree(make_run(), made_tree(nodes=150, seed=seed))
    replay = replay_of(tree)
    for node in SearchNode.objects.filter(tree=tree):
        q, visits = replay.values(node, replay.last)
        assert (q, visits) == (pytest.approx(node.q), node.visits)


def test_a_backup_changes_the_path_and_nothing_else() -> None:
    tree = store_made_tree(make_run(), made_tree(nodes=150, seed=3))
    replay = replay_of(tree)
    event = replay.columns["kind"].tolist().index(BACKUP)
    end = int(replay.columns["node"][event])
    nodes = {node.number: node for node in SearchNode.objects.filter(tree=tree)}
    path = {end}
    while (end := nodes[end].parent) >= 0:
        path.add(end)
    for number, node in nodes.items():
        before, after = replay.values(node, event - 1), replay.values(node, event)
        assert (before != after) == (number in path)
        if number in path:
            assert after[1] == before[1] + 1


def test_nodes_are_open_before_they_are_expanded_and_ends_before_they_are_judged() -> None:
    tree = store_made_tree(make_run(), made_tree(nodes=150, seed=3))
    replay = replay_of(tree)
    kinds, at = replay.columns["kind"].tolist(), replay.columns["node"].tolist()
    expand = kinds.index(EXPAND, kinds.index(EXPAND) + 1)
    assert read_node(tree, at[expand], expand - 1).status == "open"
    assert read_node(tree, at[expand], expand).status == "expanded"
    verify = kinds.index(VERIFY)
    assert read_node(tree, at[verify], verify - 1).status == "open"
    assert read_node(tree, at[verify], verify).status in {"right", "wrong"}
    assert not read_node(tree, tree.nodes - 1, 0).is_born
    assert len(REPLAY_KINDS) == 7


def test_a_damaged_replay_is_as_good_as_none() -> None:
    tree = store_made_tree(make_run(), made_tree())
    body = SearchBody.objects.get(tree=tree)
    assert body.change_q_array is not None
    body.change_q_array = bytes(body.change_q_array)[:-4]
    assert read_replay(body) is None
    body.kind_array = None
    assert read_replay(body) is None
    assert read_replay(None) is None


@pytest.mark.parametrize("config", REAL_CONFIGS)
def test_the_replay_of_a_real_search_leads_through_all_its_states(config: dict[str, Any]) -> None:
    search, states = real_search(**config)
    arrays = {f"{name}_array": array.tobytes() for name, array in search.replay.arrays().items()}
    replay = read_replay(SearchBody(**arrays))
    assert replay is not None
    tree = search.tree
    nodes = [
        SearchNode(number=n, parent=int(tree.parent[n]), q=float(tree.q[n]), visits=int(tree.visits[n]))
        for n in range(len(tree))
    ]
    assert len(states) > 1
    for event, q, visits in states:
        found = [replay.values(node, event) for node in nodes[: len(q)]]
        assert [each for each, _ in found] == pytest.approx(q.tolist(), abs=1e-6)
        assert [each for _, each in found] == visits.tolist()


@pytest.mark.parametrize("config", REAL_CONFIGS)
def test_the_panel_finds_the_scores_that_a_real_search_chose_by(config: dict[str, Any]) -> None:
    tree = store_real_tree(make_run(), **config)
    columns = replay_of(tree).columns
    for event, kind in enumerate(columns["kind"].tolist()):
        node, value = int(columns["node"][event]), float(columns["value"][event])
        if kind == JUMP:
            frontier = read_node(tree, node, event).frontier
            assert frontier is not None
            assert frontier.score == pytest.approx(value, abs=1e-5)
        elif kind == SELECT and not columns["changes"][event]:
            uct = read_node(tree, node, event).uct
            assert uct is not None
            assert uct.score == pytest.approx(value, abs=1e-5)
