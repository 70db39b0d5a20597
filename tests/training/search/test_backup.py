"""Values on their way up: numbers checked against the released code, and what must hold of any history."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.training.search.forced import OPEN, chain, expand, growing, q_of, right, visits_of, wrong
from training.config import SearchConfig
from training.search.values import backed_up, depth_weight


def after(rewards: list[int], rule: str = "constrained", weight: float = 0.5) -> list[float]:
    q, history = 0.0, []
    for reward in rewards:
        q = backed_up(q, float(reward), weight, rule)
        history.append(q)
    return history


@pytest.mark.parametrize("sign", [1, -1])
def test_a_fresh_path_gets_its_depths_share(sign: int) -> None:
    tree = growing()
    end = right() if sign > 0 else wrong()
    chain(tree, 3, [end, OPEN, OPEN])
    assert q_of(tree, "", "1", "1.1", "1.1.1") == [sign * w for w in (0.25, 0.5, 0.75, 1.0)]
    assert visits_of(tree, "", "1", "1.1", "1.1.1") == [1, 2, 2, 1], "inner nodes count their making as a visit"


def test_weights_have_a_floor() -> None:
    weights = [depth_weight(depth, 20, SearchConfig()) for depth in (0, 1, 2)]
    assert weights == pytest.approx([0.1, 0.1, 0.142857], abs=1e-6)


def test_the_papers_index_counts_steps() -> None:
    config = SearchConfig(gamma_index="steps")
    assert [depth_weight(depth, 3, config) for depth in range(4)] == pytest.approx([0.1, 1 / 3, 2 / 3, 1.0])


@pytest.mark.parametrize(
    ("rewards", "expected"),
    [
        ([1, 1, -1], [0.5, 1.0, 1.0]),
        ([-1, -1, 1], [-0.5, -1.0, 0.5]),
        ([-1, 1, -1, 1], [-0.5, 0.5, 0.5, 1.0]),
        ([1, -1, -1], [0.5, 0.5, 0.5]),
        ([-1, -1, -1], [-0.5, -1.0, -1.5]),
    ],
)
def test_signs_constrain_what_adds_up(rewards: list[int], expected: list[float]) -> None:
    assert after(rewards) == expected


def test_every_reward_counts_a_visit() -> None:
    tree = growing(width=4)
    expand(tree, OPEN, OPEN, OPEN, OPEN)
    for end in (right(), right(), wrong()):
        expand(tree, end, OPEN, OPEN, OPEN)
    assert visits_of(tree, "") == [3]
    assert tree.tree.q[0] / tree.tree.visits[0] == pytest.approx(tree.tree.q[0] / 3)


def test_a_value_of_zero_changes_no_q_and_counts_a_visit() -> None:
    assert after([1, 0, -1, 0], weight=1.0) == [1.0, 1.0, 1.0, 1.0]
    tree = growing()
    expand(tree, OPEN, OPEN, OPEN)
    assert visits_of(tree, "", "1", "2") == [0, 1, 1], "making a node counts for the node alone"
    assert q_of(tree, "", "1") == [0.0, 0.0]


def test_the_vanilla_rule_goes_through_zero() -> None:
    assert after([1, -1, -1], "vanilla") == [0.5, 0.0, -0.5]


@given(st.lists(st.sampled_from([1.0, -1.0]), max_size=40), st.floats(0.1, 1.0))
def test_a_node_on_a_right_path_stays_positive_and_never_falls(rewards: list[float], weight: float) -> None:
    q, seen_right = 0.0, False
    for reward in rewards:
        before, q = q, backed_up(q, reward, weight, "constrained")
        seen_right |= reward > 0
        assert (q > 0) == seen_right
        if before > 0:
            assert q >= before


@given(st.lists(st.tuples(st.integers(0, 7), st.sampled_from(["right", "wrong"])), min_size=1, max_size=12))
def test_only_nodes_off_every_right_path_are_negative(plan: list[tuple[int, str]]) -> None:
    tree = growing(wanted=20, width=3, depth=32)
    for number, (openings, kind) in enumerate(plan):
        if tree.is_done:
            break
        ending = right(0.1 + number) if kind == "right" else wrong(0.1 + number)
        expand(tree, *([ending, OPEN, OPEN] if openings % 2 else [OPEN, OPEN, OPEN]))
    nodes = tree.tree
    on_right = {place for r in tree.recorded if r.reward > 0 for place in nodes.path(r.end)}
    for node in range(len(nodes)):
        assert (nodes.q[node] > 0) == (node in on_right)
        if nodes.q[node] < 0:
            assert node not in on_right
