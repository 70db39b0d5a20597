"""One tree while it grows: which end is recorded, where it goes on, and that it always comes to an end."""

import numpy as np
import pytest

from tests.training.search.forced import (
    END,
    OPEN,
    STEP,
    UNTOLD,
    at,
    cut,
    expand,
    growing,
    q_of,
    right,
    visits_of,
    wrong,
)
from training.algorithms.tree_credit import TreePath, tree_credit
from training.config import TreeCreditConfig
from training.sampling.types import Completion
from training.search.endings import Judged, ends_there
from training.search.growing import GrowingTree
from training.search.selection import frontier_scores, mean_values
from training.search.tree import INCOMPLETE, RECORDED_CONFIDENT_WRONG, WRONG


def frontier_scores_of(tree: GrowingTree, *tags: str) -> list[float]:
    nodes = [at(tree, tag) for tag in tags]
    quality = mean_values(tree.tree)
    parents = tree.tree.parent[nodes]
    depth = tree.tree.depth[nodes].astype(float)
    config = tree._config
    return frontier_scores(
        quality[parents], tree.tree.surprise[nodes], depth, quality[nodes], config.max_depth, config.frontier
    ).tolist()


def worked() -> GrowingTree:
    """Width 3, depth 8: two open levels, then a wrong end is recorded."""
    tree = growing()
    expand(tree, OPEN, OPEN, OPEN)
    expand(tree, OPEN, OPEN, OPEN)
    expand(tree, wrong(0.5), wrong(0.2), OPEN)
    return tree


def test_the_most_confident_wrong_end_is_recorded_and_its_sibling_never() -> None:
    tree = growing()
    expand(tree, wrong(0.5), wrong(0.2), OPEN)
    assert [recorded.end for recorded in tree.recorded] == [at(tree, "2")]
    assert tree.tree.recorded[at(tree, "2")] == RECORDED_CONFIDENT_WRONG
    assert (q_of(tree, "1"), visits_of(tree, "1")) == ([0.0], [0])


def test_of_right_ends_the_most_confident_is_recorded_before_any_wrong_one() -> None:
    tree = growing()
    expand(tree, right(0.9), right(0.3), wrong(0.1))
    assert tree.recorded[0].end == at(tree, "2")


def test_a_wrong_answer_goes_before_none() -> None:
    tree = growing(incomplete_reward=-0.5, depth=2, max_depth=2)
    expand(tree, OPEN, OPEN, OPEN)
    expand(tree, cut(0.1), wrong(0.9), wrong(1.2))
    assert [recorded.end for recorded in tree.recorded] == [at(tree, "1.2")]


@pytest.mark.parametrize(("negative", "tag"), [("most_confident", "2"), ("least_confident", "1")])
def test_the_wrong_end_can_be_chosen_otherwise(negative: str, tag: str) -> None:
    tree = growing(negative=negative)
    expand(tree, wrong(0.5), wrong(0.2), OPEN)
    assert tree.recorded[0].end == at(tree, tag)


def test_a_random_wrong_end_depends_on_the_seed_alone() -> None:
    ends = []
    for seed in range(30):
        tree = growing(negative="random", seed=seed)
        expand(tree, wrong(0.5), wrong(0.2), OPEN)
        ends.append(tree.recorded[0].end)
    assert set(ends) == {1, 2}


def test_all_ends_can_be_recorded() -> None:
    tree = growing(record="all")
    expand(tree, wrong(0.5), right(0.2), OPEN)
    assert [(r.end, r.reward) for r in tree.recorded] == [(1, -1.0), (2, 1.0)]


def test_of_more_ends_than_are_wanted_right_and_confident_ones_go_first() -> None:
    tree = growing(record="all", wanted=2)
    expand(tree, wrong(0.1), right(0.9), right(0.3))
    assert [(r.end, r.reward) for r in tree.recorded] == [(at(tree, "3"), 1.0), (at(tree, "2"), 1.0)]


def test_an_end_that_the_verifier_cannot_tell_is_neither_recorded_nor_backed_up() -> None:
    tree = growing(width=2, wanted=3)
    expand(tree, UNTOLD, UNTOLD)
    assert tree.recorded == []
    assert (q_of(tree, "", "1"), visits_of(tree, "", "1")) == ([0.0, 0.0], [0, 0])
    assert [int(tree.tree.status[at(tree, tag)]) for tag in "12"] == [INCOMPLETE] * 2
    assert tree.replay.columns["value"][1:3] == [0.0, 0.0]
    assert (tree.exhausted, tree.solved) == (True, False)
    assert tree.request().count == 3, "nor is it flushed"
    expand(tree, right(), UNTOLD, wrong())
    assert tree.is_done
    assert [r.reward for r in tree.recorded] == [1.0, -1.0]


def test_beside_one_that_cannot_be_told_another_end_is_recorded() -> None:
    tree = growing()
    expand(tree, UNTOLD, wrong(), OPEN)
    assert [r.end for r in tree.recorded] == [at(tree, "2")]


def test_the_worked_tree_goes_where_the_released_code_goes() -> None:
    tree = worked()
    quality = mean_values(tree.tree)
    assert q_of(tree, "", "1", "1.1") == [-0.25, -0.5, -0.75]
    assert [float(quality[at(tree, tag)]) for tag in ("", "1", "1.1")] == [-0.25, -0.25, -0.375]
    scores = frontier_scores_of(tree, "1.2", "2", "1.1.3")
    assert scores == pytest.approx([-0.092967, -0.094432, -0.137219], abs=1e-6)
    assert tree.request().node == at(tree, "1.2")

    expand(tree, right(0.9), right(0.3), wrong(0.1))
    assert q_of(tree, "", "1", "1.2", "1.1") == [0.25, 0.5, 0.75, -0.75]
    assert visits_of(tree, "", "1") == [2, 3]
    assert tree.request().node == at(tree, "1.3")
    assert frontier_scores_of(tree, "1.3", "2") == pytest.approx([0.071056, 0.053277], abs=1e-6)

    expand(tree, wrong(), OPEN, OPEN)
    assert q_of(tree, "", "1", "1.3") == [0.25, 0.5, -0.75]
    assert visits_of(tree, "", "1") == [3, 4]
    assert tree.request().node == at(tree, "2")
    assert frontier_scores_of(tree, "2") == pytest.approx([0.036792], abs=1e-6)


def test_the_worked_trees_advantages() -> None:
    tree = worked()
    expand(tree, right(0.9), right(0.3), wrong(0.1))
    expand(tree, wrong(), OPEN, OPEN)
    nodes = tree.tree
    paths = [
        TreePath(tuple(path), tuple(float(nodes.q[node]) for node in path), recorded.reward)
        for recorded in tree.recorded
        for path in [nodes.path(recorded.end)[1:]]
    ]
    assert [path.q for path in paths] == [(0.5, -0.75, -1.0), (0.5, 0.75, 1.0), (0.5, -0.75, -1.0)]
    advantages = tree_credit(paths, TreeCreditConfig()).advantages
    assert advantages[0] == pytest.approx([0.795450, -0.301816, -0.666667], abs=1e-6)
    assert advantages[1] == pytest.approx([0.795450, 0.968482, 1.333333], abs=1e-6)
    assert advantages[2] == pytest.approx(advantages[0])


@pytest.mark.parametrize("depth", [3, 5, 10, 20])
def test_after_a_wrong_end_it_restarts_near_the_root_and_after_a_right_one_beside_it(depth: int) -> None:
    for end, next_depth in ((wrong(), 2), (right(), depth)):
        tree = growing(depth=24, width=8)
        for _ in range(depth - 1):
            expand(tree, *[OPEN] * 8)
        expand(tree, end, *[OPEN] * 7)
        assert tree.tree.depth[tree.request().node] == next_depth


def test_fresh_siblings_tie_and_the_first_is_followed() -> None:
    tree = growing()
    expand(tree, OPEN, OPEN, OPEN)
    assert tree.request().node == at(tree, "1")


def test_an_end_token_in_the_last_slot_of_a_step_ends_the_response() -> None:
    assert ends_there([5] * (STEP - 1) + [1], (1,))
    assert not ends_there([5] * STEP, (1,))


def test_the_deepest_level_ends_without_an_end_token() -> None:
    tree = growing(depth=2)
    expand(tree, OPEN, OPEN, OPEN)
    expand(tree, cut(), cut(), cut())
    assert tree.recorded[0].reward == -1.0
    assert tree.tree.status[at(tree, "1.1")] == INCOMPLETE


def test_a_frontier_that_runs_empty_gives_what_is_left_and_then_samples_directly() -> None:
    tree = growing(width=2)
    expand(tree, wrong(0.4), right(0.9))
    assert tree.exhausted
    assert [r.end for r in tree.recorded] == [at(tree, "2"), at(tree, "1")], "the end left over follows"
    request = tree.request()
    assert (request.node, request.count, request.max_tokens) == (0, 6, 8 * STEP)
    expand(tree, *[wrong()] * 6)
    assert tree.is_done
    assert len(tree.recorded) == 8


def test_an_empty_frontier_may_simply_stop() -> None:
    tree = growing(width=2, exhausted="stop")
    expand(tree, wrong(), wrong())
    assert tree.is_done
    assert len(tree.recorded) == 1


def test_expansions_have_a_limit() -> None:
    tree = growing(width=1, max_expansions=3, exhausted="stop")
    for _ in range(3):
        expand(tree, OPEN)
    assert tree.is_done
    assert not tree.exhausted


def test_vanilla_search_walks_down_from_the_root_and_counts_those_it_passes() -> None:
    tree = growing(selection="uct", backup="vanilla")
    expand(tree, OPEN, OPEN, OPEN)
    expand(tree, wrong(), OPEN, OPEN)
    assert tree.request().node != at(tree, "1.2"), "the failed branch has lost to its fresh siblings"
    assert visits_of(tree, "2", "3") == [2, 2]


def test_lazy_search_draws_whole_responses_and_branches_where_it_pays() -> None:
    tree = growing(expansion="lazy", record="all", wanted=4, lazy_start=2, width=4)
    first = tree.request()
    assert (first.node, first.count, first.max_tokens) == (0, 2, 8 * STEP)

    def whole(length: int) -> Completion:
        ids = [5] * (length - 1) + [END]
        return Completion(ids, np.full(length, -0.5, np.float32), np.full(length, 0.5, np.float32), "stop", 0)

    ended = tree.attach(first, [whole(10), whole(6)])
    assert [int(tree.tree.depth[end]) for end in ended] == [3, 2]
    tree.take(ended, [Judged(True, "1", True), Judged(False, "2", True)])
    again = tree.request()
    assert again.count == 1
    assert tree.tree.status[again.node] != WRONG
