"""Scores of selection, widths, and what may stand in the frontier: numbers checked against the released code."""

import random

import numpy as np
import pytest

from tests.training.search.forced import OPEN, at, expand, growing, right, wrong
from training.builtin.tokenizer import build_tokenizer
from training.config import FrontierConfig, RunConfig, SearchConfig
from training.config.plan import plan_of
from training.errors import InputError
from training.sampling.types import Completion
from training.search.selection import depth_term, frontier, frontier_scores, uct, width_at
from training.search.steps import StepRule


def test_uct_has_no_bonus_without_visits() -> None:
    assert uct(0.5, 2, 8, 2.0) == pytest.approx(2.539334, abs=1e-6)
    assert uct(0.5, 2, 0, 2.0) == uct(0.5, 2, 1, 2.0) == 0.5
    assert uct(0.5, 0, 8, 2.0) == 0.5


@pytest.mark.parametrize(
    ("form", "entropy", "expected"),
    [("sqrt", 0.0, 0.189847), ("log", 0.0, 0.213179), ("linear", 0.0, 0.344847), ("sqrt", 0.4, 0.709847)],
)
def test_the_frontier_score_weighs_quality_entropy_and_depth(form: str, entropy: float, expected: float) -> None:
    weights = FrontierConfig(depth_form=form, entropy=entropy)  # type: ignore[arg-type]
    values = (np.array([value]) for value in (0.5, 1.3, 16.0, 0.0))
    assert frontier_scores(*values, 64, weights) == pytest.approx([expected], abs=1e-6)


def test_depth_can_count_for_nothing() -> None:
    assert depth_term(np.array([4.0]), 64, "none") == [0.0]


def test_a_nodes_own_quality_counts_where_asked() -> None:
    weights = FrontierConfig(quality=0, depth=0, own_quality=1.0)
    score = frontier_scores(np.zeros(1), np.zeros(1), np.ones(1), np.array([0.5]), 8, weights)
    assert score == pytest.approx(np.tanh([0.5]))


def test_widths_may_decay_with_depth() -> None:
    config = SearchConfig(width=8, max_depth=64, min_width=2, width_decay=1)
    assert [width_at(depth, config) for depth in (0, 7, 8, 16, 40, 48, 63)] == [8, 8, 7, 6, 3, 2, 2]
    assert width_at(63, SearchConfig(width=8, max_depth=64)) == 8


def test_neither_root_nor_ends_nor_the_deepest_level_stand_in_the_frontier() -> None:
    tree = growing(depth=2)
    expand(tree, OPEN, wrong(), OPEN)
    config = SearchConfig(width=3, max_depth=2)
    assert frontier(tree.tree, config).tolist() == [at(tree, "1"), at(tree, "3")]
    while not tree.is_done and tree.request().node:
        expand(tree, wrong(), wrong(), right())
    assert frontier(tree.tree, config).tolist() == []


def test_equal_scores_can_be_settled_by_lot() -> None:
    chosen = set()
    for seed in range(20):
        tree = growing(tie_break="random", seed=seed)
        expand(tree, OPEN, OPEN, OPEN)
        chosen.add(tree.request().node)
    assert chosen == {1, 2, 3}
    assert random.Random(0).random() != random.Random(1).random()


def rule(max_tokens: int = 64, depth: int = 8) -> StepRule:
    return StepRule(max_tokens, depth, max_tokens // depth, frozenset())


def sampled(length: int) -> Completion:
    return Completion(list(range(length)), np.zeros(length, np.float32), np.zeros(length, np.float32), "stop", 0)


def test_tokens_fall_into_steps_of_equal_length() -> None:
    steps = StepRule(16384, 64, 256, frozenset()).cut(sampled(600), depth=0)
    assert [len(step) for step in steps] == [256, 256, 88]
    place_of = [number for number, step in enumerate(steps) for _ in step.token_ids]
    assert (place_of[255], place_of[256]) == (0, 1)


def test_the_last_step_takes_what_is_left() -> None:
    separated = StepRule(64, 2, 0, frozenset({5}))
    ids = Completion([1, 5, 2, 5, 3, 5], np.zeros(6, np.float32), np.zeros(6, np.float32), "stop", 0)
    assert [step.token_ids for step in separated.cut(ids, depth=0)] == [[1, 5], [2, 5, 3, 5]]
    assert separated.stops(0, whole=False) == (5,)
    assert separated.stops(1, whole=False) == ()


def test_a_response_that_does_not_divide_is_refused() -> None:
    with pytest.raises(InputError, match="equal length"):
        StepRule.of(SearchConfig(max_depth=64), 16385, None)  # type: ignore[arg-type]
    assert StepRule.of(SearchConfig(max_depth=64), 16384, None).step_tokens == 256  # type: ignore[arg-type]


@pytest.mark.parametrize(("steps", "trajectories"), [(50, 102_400), (325, 665_600)])
def test_the_papers_count_of_samples(steps: int, trajectories: int) -> None:
    method = {
        "kind": "deepsearch",
        "sampling": {"prompts_per_step": 256, "samples_per_prompt": 8, "max_tokens": 16384},
        "search": {"max_depth": 64},
        "updates_per_step": 8,
    }
    plan = plan_of(RunConfig.model_validate({"method": method, "steps": steps}))
    assert plan.sequences * plan.steps == trajectories
    assert plan.sequences_per_update == 256


def test_separators_are_all_tokens_that_hold_them_and_no_other() -> None:
    tokenizer = build_tokenizer(["1+1=2\n"])
    steps = StepRule.of(SearchConfig(step="separator", separator="="), 64, tokenizer)
    holding = {token for text, token in tokenizer.get_vocab().items() if "=" in tokenizer.decode([token])}
    assert steps.separator_ids == holding
    assert holding
    with pytest.raises(InputError, match="no token"):
        StepRule.of(SearchConfig(step="separator", separator="\u2603"), 64, tokenizer)
