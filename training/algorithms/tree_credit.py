"""Credit in a tree: from the values of nodes and ends to an advantage for each step of each recorded trajectory.

One interface, three rules: ``node_q`` is Tree-GRPO (DeepSearch, arXiv 2509.25454, eq. 13 and 15), ``outcome`` is GRPO
without division by the spread, ``subtree_value`` compares a step's mean outcome with its parent's (TreeRL, TreePO).
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from training.algorithms.advantages import EQUAL_SPREAD
from training.config import TreeCreditConfig

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class TreePath:
    """A recorded trajectory: its nodes without the root, their raw q, and what the end is worth."""

    nodes: tuple[int, ...]
    q: tuple[float, ...]
    reward: float
    penalty: float = 0.0
    """What the end is paid besides, such as the overlong penalty; added to every step's score (appendix A.3)."""


@dataclass(frozen=True, slots=True)
class TreeCredit:
    """For each trajectory, in order, an entry for each of its nodes."""

    scores: list[Floats]
    advantages: list[Floats]
    trained: bool
    """False where the tree is left out because its ends are all alike."""


def soft_clipped(q: Sequence[float] | Floats, temperature: float, q_max: float) -> Floats:
    """tanh(q / ε_q)·q_max (eq. 13)."""
    return np.tanh(np.asarray(q, np.float64) / temperature) * q_max


def tree_credit(paths: Sequence[TreePath], config: TreeCreditConfig, scale: str = "none") -> TreeCredit:
    """Scores and advantages of a tree.

    The baseline is the mean of the recorded ends (eq. 15); a single trajectory has none. `scale` divides by the ends'
    standard deviation, as in `group_advantages`. Trees of equal ends follow ``uniform_trees``.
    """
    rewards = np.array([path.reward for path in paths], np.float64)
    ends = rewards + [path.penalty for path in paths]
    scores = [_scores(path, config) for path in paths]
    uniform = len(paths) > 1 and float(np.ptp(rewards)) <= EQUAL_SPREAD
    if uniform and (config.uniform_trees == "drop" or (config.uniform_trees == "confident_wrong" and rewards[0] > 0)):
        return TreeCredit(scores, [np.zeros_like(score) for score in scores], trained=False)
    penalised = uniform and config.uniform_trees == "confident_wrong"
    baseline = 0.0 if penalised or len(paths) == 1 else float(ends.mean())
    if config.kind == "subtree_value" and not penalised:
        advantages = _value_differences(paths, ends, config.root_share)
    else:
        advantages = [score - baseline for score in scores]
    if not penalised:
        advantages = [advantage / _deviation(ends, scale) for advantage in advantages]
    if config.shared_prefix == "once":
        advantages = _shared(paths, advantages)
    return TreeCredit(scores, advantages, trained=True)


def _scores(path: TreePath, config: TreeCreditConfig) -> Floats:
    """What each step is worth: its soft-clipped q, the end its reward; or the reward throughout. With the penalty."""
    if config.kind == "node_q":
        inner = soft_clipped(path.q[:-1], config.q_temperature, config.q_max)
        return np.append(inner, path.reward) + path.penalty
    return np.full(len(path.nodes), path.reward + path.penalty)


def _value_differences(paths: Sequence[TreePath], ends: Floats, root_share: float) -> list[Floats]:
    """V(n) - V(parent) + share·(V(n) - V(root)), with V the mean end of the trajectories through a node."""
    through: dict[int, list[float]] = {}
    for path, end in zip(paths, ends.tolist(), strict=True):
        for node in path.nodes:
            through.setdefault(node, []).append(end)
    root = float(ends.mean())
    differences = []
    for path in paths:
        values = np.array([root, *(np.mean(through[node]) for node in path.nodes)])
        differences.append(np.diff(values) + root_share * (values[1:] - root))
    return differences


def _deviation(ends: Floats, scale: str) -> float:
    if scale == "none" or len(ends) < 2:
        return 1.0
    deviation = float(ends.std(ddof=1 if scale == "sample" else 0))
    return deviation if deviation > EQUAL_SPREAD else 1.0


def _shared(paths: Sequence[TreePath], advantages: Sequence[Floats]) -> list[Floats]:
    """A step's weight shared among the trajectories through it."""
    counts: dict[int, int] = {}
    for path in paths:
        for node in path.nodes:
            counts[node] = counts.get(node, 0) + 1
    return [
        advantage / [counts[node] for node in path.nodes] for path, advantage in zip(paths, advantages, strict=True)
    ]
