"""The method around the search: what a step trains on."""

from base64 import b64decode
from contextlib import ExitStack

import numpy as np

from tests.training.methods.parts import build
from tests.training.methods.searching import METHOD, problems, training
from training.events import TREE_COLUMNS, TreeRecord
from training.experience.records import group_event
from training.experience.summary import summarise_groups
from training.experience.types import Group, Rollout
from training.methods.deepsearch import drop_garbage


def test_a_step_trains_on_recorded_trajectories_token_by_token() -> None:
    with ExitStack() as stack:
        method = training(stack)
        outcome = method.step(1)
    assert len(outcome.groups) == 4
    trees = [event for event in outcome.events if isinstance(event, TreeRecord)]
    assert [tree.index for tree in trees] == [0, 1, 2, 3]
    for group in outcome.groups:
        for rollout in group.rollouts:
            assert rollout.token_advantages is not None
            assert len(rollout.token_advantages) == len(rollout)
    assert outcome.metrics["tokens/step"] == sum(tree.tokens for tree in trees)
    assert any(rollout.ratios is not None for group in outcome.groups for rollout in group.rollouts if group.trained)


def test_a_search_that_stops_before_any_end_costs_no_step() -> None:
    search = {"width": 1, "max_depth": 12, "max_expansions": 1, "exhausted": "stop"}
    with ExitStack() as stack:
        parts, method = build(stack, method=METHOD | {"search": search})
        before = [parameter.clone() for parameter in parts.policy.model.parameters()]
        outcome = method.step(1)
    assert [group.rollouts for group in outcome.groups] == [[]] * 4
    assert not any(group.trained for group in outcome.groups)
    assert not {"reward/mean", "groups/dropped", "search/mean_reward", "search/uniform_share"} & set(outcome.metrics)
    assert outcome.metrics["search/solved_share"] == 0.0
    assert all(np.isfinite(value) for value in outcome.metrics.values())
    trees = [event for event in outcome.events if isinstance(event, TreeRecord)]
    assert [(tree.trajectories, tree.uniform, tree.mean_reward) for tree in trees] == [([], False, 0.0)] * 4
    assert all(group_event(group, 1, "train", 0, parts.codec).rollouts == [] for group in outcome.groups)
    assert all((old == new).all() for old, new in zip(before, parts.policy.model.parameters(), strict=True))


def test_groups_without_responses_count_in_no_figure() -> None:
    zeros = np.zeros(2, np.float32)
    answered = [Rollout([1, 2], "7", "stop", zeros, zeros, reward=reward) for reward in (0.0, 1.0)]
    groups = [Group(problems()[0], [1], []), Group(problems()[1], [1], answered)]
    figures = summarise_groups(groups)
    assert (figures["reward/mean"], figures["groups/zero_variance_share"], figures["groups/dropped"]) == (0.5, 0, 0)


def test_the_nodes_of_a_tree_that_was_not_trained_on_have_no_advantage() -> None:
    with ExitStack() as stack:
        outcome = training(stack).step(1)
    trained = [group.trained for group in outcome.groups]
    assert set(trained) == {True, False}
    for tree, used in zip([e for e in outcome.events if isinstance(e, TreeRecord)], trained, strict=True):
        through = np.frombuffer(b64decode(tree.columns["trajectories"]), TREE_COLUMNS["trajectories"])
        for name in ("advantage", "loss_share"):
            column = np.frombuffer(b64decode(tree.columns[name]), TREE_COLUMNS[name])
            assert (np.isfinite(column) == ((through > 0) & used)).all()
        score = np.frombuffer(b64decode(tree.columns["score"]), TREE_COLUMNS["score"])
        assert (np.isfinite(score) == (through > 0)).all()


def test_outcome_credit_gives_each_token_of_a_response_the_same() -> None:
    with ExitStack() as stack:
        outcome = training(stack, credit={"kind": "outcome"}).step(1)
    for group in outcome.groups:
        for rollout in group.rollouts:
            assert np.ptp(rollout.advantages) < 1e-6


def test_garbage_is_left_out_of_training() -> None:
    zeros = np.zeros(3, np.float32)
    looping = Rollout([1, 2, 3], "so 7. " * 40, "length", zeros, zeros, advantage=-0.5, correct=False)
    honest = Rollout([1, 2, 3], "3+4=8", "stop", zeros, zeros, advantage=-0.5, correct=False)
    drop_garbage(Group(problems()[0], [1], [looping, honest]))
    assert (looping.teaches, honest.teaches) == (False, True)
