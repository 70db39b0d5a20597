"""How the value of an ended response goes up its path (DeepSearch, eq. 5). Pure functions.

Facts to keep: a node that was ever on a right path keeps q > 0, and only nodes that never were hold negative q (rule
``constrained``).
"""

from training.config import SearchConfig
from training.search.tree import Tree


def depth_weight(depth: int, end_depth: int, config: SearchConfig) -> float:
    """γ of a node at `depth` on the way up from an end at `end_depth`: 1 at the end, at least `gamma_min`.

    ``nodes``: (d+1)/(D+1), as released; ``steps``: d/D, as eq. 5 reads when the root has index 0.
    """
    share = (depth + 1) / (end_depth + 1) if config.gamma_index == "nodes" else depth / max(end_depth, 1)
    return max(share, config.gamma_min)


def backed_up(q: float, reward: float, weight: float, rule: str) -> float:
    """A node's q after a reward below it.

    ``constrained`` (eq. 5): the same sign, or either zero, adds; a right end wipes a negative past out; a wrong one
    leaves a positive node as it is. ``vanilla``: adds, and on a conflict of signs not below zero. ``sum``: adds.
    """
    if rule == "sum" or q * reward >= 0:
        return q + weight * reward
    if rule == "vanilla":
        return max(q + weight * reward, 0.0)
    return weight * reward if reward > 0 else q


def back_up(tree: Tree, end: int, reward: float, config: SearchConfig) -> list[int]:
    """Count a visit of every node from the end to the root, both included, and bring their q up to date.

    Returns the path from the root to the end.
    """
    path = tree.path(end)
    end_depth = len(path) - 1
    for depth, node in enumerate(path):
        weight = depth_weight(depth, end_depth, config)
        tree.visits[node] += 1
        tree.q[node] = backed_up(float(tree.q[node]), reward, weight, config.backup)
    return path
