"""Credit in trees: numbers checked against a restatement of the released code; trees without contrast."""

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from training.algorithms.advantages import group_advantages
from training.algorithms.tree_credit import TreePath, soft_clipped, tree_credit
from training.config import TreeCreditConfig
from training.rewards.overlong import soft_overlong_penalty

KEEP = TreeCreditConfig(uniform_trees="keep")


def test_inner_values_are_clipped_softly_and_ends_are_not() -> None:
    assert soft_clipped([0.25, 0.5, 0.75, 1.0, 3.0], 1.0, 1.0) == pytest.approx(
        [0.244919, 0.462117, 0.635149, 0.761594, 0.995055], abs=1e-6
    )
    (scores,) = tree_credit([TreePath((1, 2), (0.5, 1.0), 1.0)], KEEP).scores
    assert scores == pytest.approx([0.462117, 1.0], abs=1e-6)


@pytest.mark.parametrize(
    ("length", "penalty"), [(8000, 0.0), (12288, 0.0), (13312, -0.25), (14336, -0.5), (16384, -1.0)]
)
def test_running_long_costs_every_step(length: int, penalty: float) -> None:
    assert soft_overlong_penalty(length, 16384, 4096) == pytest.approx(penalty)
    (scores,) = tree_credit([TreePath((1, 2), (0.5, 1.0), 1.0, penalty)], KEEP).scores
    assert scores == pytest.approx([0.462117 + penalty, 1.0 + penalty], abs=1e-6)


@pytest.mark.parametrize("sign", [-1, 1])
def test_a_uniform_tree_kept_as_released_credits_its_prefixes_against_its_ends(sign: int) -> None:
    paths = [
        TreePath((1, 2), (sign * 1.1667, sign * 1.0), float(sign)),
        TreePath((1, 3, 4), (sign * 1.1667, sign * 0.75, sign * 1.0), float(sign)),
    ]
    first, second = tree_credit(paths, KEEP).advantages
    assert first == pytest.approx([-sign * 0.176799, 0.0], abs=2e-5)
    assert second == pytest.approx([-sign * 0.176799, -sign * 0.364851, 0.0], abs=2e-5)


def test_a_tree_without_a_solution_pushes_its_paths_down() -> None:
    paths = [TreePath((1, 2), (-1.2, -1.0), -1.0), TreePath((1, 3), (-1.2, -1.0), -1.0)]
    credit = tree_credit(paths, TreeCreditConfig(uniform_trees="confident_wrong"))
    assert credit.trained
    assert all((advantage < 0).all() for advantage in credit.advantages)
    assert not tree_credit(paths, TreeCreditConfig(uniform_trees="drop")).trained


def test_a_tree_of_solutions_only_teaches_nothing_unless_kept() -> None:
    paths = [TreePath((1,), (1.0,), 1.0), TreePath((2,), (1.0,), 1.0)]
    for rule in ("confident_wrong", "drop"):
        credit = tree_credit(paths, TreeCreditConfig(uniform_trees=rule))
        assert not credit.trained
        assert all((advantage == 0).all() for advantage in credit.advantages)


@given(st.lists(st.sampled_from([1.0, -1.0]), min_size=2, max_size=9))
def test_outcomes_alone_are_grpo_without_division(rewards: list[float]) -> None:
    paths = [TreePath((2 * k, 2 * k + 1), (0.3, reward), reward) for k, reward in enumerate(rewards)]
    config = TreeCreditConfig(kind="outcome", uniform_trees="keep")
    expected = group_advantages(torch.tensor(rewards), "none").tolist()
    for advantage, wanted in zip(tree_credit(paths, config).advantages, expected, strict=True):
        assert advantage == pytest.approx([wanted, wanted], abs=1e-6)


@pytest.mark.parametrize("scale", ["sample", "population"])
def test_a_scale_divides_as_in_grpo(scale: str) -> None:
    rewards = [1.0, -1.0, -1.0]
    paths = [TreePath((k,), (reward,), reward) for k, reward in enumerate(rewards)]
    advantages = np.concatenate(tree_credit(paths, TreeCreditConfig(kind="outcome"), scale).advantages)
    assert advantages == pytest.approx(group_advantages(torch.tensor(rewards), scale).tolist())  # type: ignore[arg-type]


def test_a_single_trajectory_has_no_baseline() -> None:
    (advantage,) = tree_credit([TreePath((1, 2), (0.5, 1.0), 1.0)], TreeCreditConfig()).advantages
    assert advantage == pytest.approx([0.462117, 1.0], abs=1e-6)


def test_subtree_values_credit_the_step_at_which_the_outcome_turned() -> None:
    paths = [TreePath((1, 2), (0, 0), 1.0), TreePath((1, 3), (0, 0), -1.0), TreePath((4,), (0,), -1.0)]
    advantages = tree_credit(paths, TreeCreditConfig(kind="subtree_value")).advantages
    assert advantages[0] == pytest.approx([0 + 1 / 3, 1.0])
    assert advantages[1] == pytest.approx([1 / 3, -1.0])
    assert advantages[2] == pytest.approx([-1 + 1 / 3])


@given(st.lists(st.tuples(st.integers(1, 3), st.sampled_from([1.0, -1.0])), min_size=2, max_size=8))
def test_differences_along_a_path_add_up_to_its_outcome(plan: list[tuple[int, float]]) -> None:
    paths = [TreePath((first, 10 + k), (0, 0), reward) for k, (first, reward) in enumerate(plan)]
    config = TreeCreditConfig(kind="subtree_value", uniform_trees="keep")
    mean = float(np.mean([reward for _, reward in plan]))
    for path, advantage in zip(paths, tree_credit(paths, config).advantages, strict=True):
        assert advantage.sum() == pytest.approx(path.reward - mean)


def test_a_shared_step_can_count_once() -> None:
    paths = [TreePath((1, 2), (0.5, 1.0), 1.0), TreePath((1, 3), (0.5, -1.0), -1.0)]
    each = tree_credit(paths, TreeCreditConfig()).advantages
    once = tree_credit(paths, TreeCreditConfig(shared_prefix="once")).advantages
    assert once[0] == pytest.approx(each[0] / [2, 1])


def test_cached_solutions_beside_wrong_responses() -> None:
    rewards = torch.tensor([1.0, 1.0, -1.0, -1.0, -1.0, -1.0, -1.0, -1.0])
    assert group_advantages(rewards, "none").tolist() == pytest.approx([1.5] * 2 + [-0.5] * 6)
    assert group_advantages(torch.ones(8), "none").tolist() == [0.0] * 8
