"""Figures of a step's searches. Their meanings stand in `training.events.metrics`."""

from collections.abc import Sequence

import numpy as np

from training.algorithms.advantages import EQUAL_SPREAD
from training.experience.types import Group
from training.search.growing import GrowingTree
from training.search.loop import Clock
from training.search.selection import mean_values


def search_figures(groups: Sequence[Group], clock: Clock) -> dict[str, float]:
    """Of the trees of a step; nothing when every problem was cached."""
    trees = [group.search for group in groups if group.search is not None]
    if not trees:
        return {}
    rewards = [[recorded.reward for recorded in tree.recorded] for tree in trees if tree.recorded]
    several = [each for each in rewards if len(each) > 1]
    prefix = sum(tree.prefix_tokens for tree in trees)
    seconds = clock.sampling + clock.judging + clock.bookkeeping
    figures = {
        "search/solved_share": np.mean([tree.solved for tree in trees]),
        "search/nodes": np.mean([len(tree.tree) for tree in trees]),
        "search/tokens_per_tree": np.mean([tree.tokens for tree in trees]),
        "search/expansions": np.mean([tree.expansions for tree in trees]),
        "search/depth": np.mean([tree.tree.depth.max() for tree in trees]),
        "search/best_q": np.mean([_best(tree) for tree in trees]),
        "speed/recomputed_share": sum(tree.prefix_recomputed for tree in trees) / prefix if prefix else 0.0,
        "search/distinct_prefix_share": np.mean([_distinct_share(tree) for tree in trees]),
        "time/per_tree_s": seconds / len(trees),
        "time/bookkeeping_share": clock.bookkeeping / seconds if seconds else 0.0,
        "search/exhausted_share": np.mean([tree.exhausted for tree in trees]),
    }
    if rewards:
        figures["search/mean_reward"] = np.mean([np.mean(each) for each in rewards])
    if several:
        figures["search/uniform_share"] = np.mean([max(each) - min(each) <= EQUAL_SPREAD for each in several])
    return {name: float(value) for name, value in figures.items()}


def credit_figures(groups: Sequence[Group]) -> dict[str, float]:
    """Of the advantages of all tokens that are trained on."""
    arrays = [rollout.advantages for group in groups if group.trained for rollout in group.rollouts]
    joined = np.concatenate([*arrays, np.zeros(0, np.float32)])
    if not joined.size:
        return {}
    return {"credit/positive_share": float((joined > 0).mean()), "credit/abs_mean": float(np.abs(joined).mean())}


def _best(tree: GrowingTree) -> float:
    visited = tree.tree.visits[1:] > 0
    return float(mean_values(tree.tree)[1:][visited].max()) if visited.any() else 0.0


def _distinct_share(tree: GrowingTree) -> float:
    """Tokens of the nodes on recorded paths, over those of the paths: low where trajectories share much."""
    paths = [tree.tree.path(recorded.end) for recorded in tree.recorded]
    total = sum(int(tree.tree.tokens[path].sum()) for path in paths)
    distinct = {node for path in paths for node in path}
    return float(tree.tree.tokens[list(distinct)].sum()) / total if total else 1.0
