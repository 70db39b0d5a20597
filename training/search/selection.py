"""Which node to expand next: UCT among siblings, and the score of the whole frontier (DeepSearch, eq. 6 and 7)."""

import math
import random
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from training.config import FrontierConfig, SearchConfig
from training.search.tree import EXPANDED, OPEN, ROOT, Tree

Values = npt.NDArray[np.float64]


def width_at(depth: int, config: SearchConfig) -> int:
    """Children a node at this depth may have: `width`, or less deeper down with a decay (released code only)."""
    if not config.width_decay:
        return config.width
    band = max(config.max_depth // config.width, 1)
    return max(config.min_width, config.width - depth // band * config.width_decay, 1)


def mean_values(tree: Tree) -> Values:
    """Q = q / N of every node; 0 where N = 0."""
    return np.divide(tree.q, tree.visits, out=np.zeros(len(tree)), where=tree.visits > 0)


def uct(quality: float, visits: int, parent_visits: int, exploration: float) -> float:
    """Q + λ·sqrt(ln N_parent / N); without the bonus while either count is 0."""
    if visits == 0 or parent_visits == 0:
        return quality
    return quality + exploration * math.sqrt(math.log(parent_visits) / visits)


def depth_term(depth: Values, deepest: int, form: str) -> Values:
    """D(d) of eq. 7."""
    if form == "sqrt":
        return np.sqrt(depth / deepest)
    if form == "log":
        return np.log(depth + 1.0)
    return depth if form == "linear" else np.zeros_like(depth)


def frontier_scores(
    parent_quality: Values,
    surprise: Values,
    depth: Values,
    own_quality: Values,
    deepest: int,
    weights: FrontierConfig,
) -> Values:
    """λ1·tanh(Q_parent) + λ2·H + λ3·D(d) + λ4·tanh(Q) of each candidate (eq. 7; λ4 in the released code only)."""
    score = weights.quality * np.tanh(parent_quality) + weights.depth * depth_term(depth, deepest, weights.depth_form)
    if weights.entropy:
        score = score + weights.entropy * surprise
    if weights.own_quality:
        score = score + weights.own_quality * np.tanh(own_quality)
    return score


def frontier(tree: Tree, config: SearchConfig) -> npt.NDArray[np.intp]:
    """Nodes that may be expanded: open ones but the root (eq. 6); lazily, all with fewer children than their width."""
    if config.expansion == "full":
        return np.flatnonzero(tree.status[1:] == OPEN) + 1
    inner = np.flatnonzero(((tree.status == OPEN) | (tree.status == EXPANDED)) & (tree.depth < config.max_depth))
    widths = np.array([width_at(depth, config) for depth in range(config.max_depth + 1)])
    return inner[tree.children[inner] < widths[tree.depth[inner]]]


def best_of_frontier(tree: Tree, config: SearchConfig, rng: random.Random) -> tuple[int, float] | None:
    """The node with the highest score and that score; None when the frontier is empty.

    Lazily, what is scored is the child that a node would get: its parent is the node itself, it lies one level deeper,
    and its surprise is taken to be that of the children already there.
    """
    nodes = frontier(tree, config)
    if not len(nodes):
        return None
    quality = mean_values(tree)
    lazy = config.expansion == "lazy"
    parents = nodes if lazy else tree.parent[nodes]
    surprise = _children_surprise(tree)[nodes] if lazy else tree.surprise[nodes]
    depths = tree.depth[nodes].astype(np.float64) + lazy
    scores = frontier_scores(quality[parents], surprise, depths, quality[nodes], config.max_depth, config.frontier)
    best = float(scores.max())
    return _one_of(tree, nodes[scores == best], config, rng), best


def best_child(tree: Tree, node: int, config: SearchConfig, rng: random.Random) -> tuple[int, float] | None:
    """The child with the highest UCT score, of those with anything left to expand; None when there is none."""
    alive = [int(child) for child in tree.children_of(node) if tree.open_below[child] > 0]
    if not alive:
        return None
    quality, visits = mean_values(tree), int(tree.visits[node])
    scores = [uct(float(quality[c]), int(tree.visits[c]), visits, config.exploration) for c in alive]
    best = max(scores)
    return _one_of(tree, [c for c, score in zip(alive, scores, strict=True) if score == best], config, rng), best


def walk_down(tree: Tree, config: SearchConfig, rng: random.Random) -> tuple[int, float, list[int]] | None:
    """Vanilla selection: from the root by UCT to an open node; every child passed by counts a visit.

    Returns the node, its score and the nodes whose visits changed; None when nothing is open.
    """
    node, score, touched = ROOT, 0.0, list[int]()
    if not tree.open_below[ROOT]:
        return None
    while tree.status[node] == EXPANDED:
        siblings = tree.children_of(node)
        found = best_child(tree, node, config, rng)
        assert found is not None, "a node with open nodes below it has a child with open nodes below it"
        tree.visits[siblings] += 1
        touched += siblings.tolist()
        node, score = found
    return node, score, touched


def _one_of(tree: Tree, nodes: Sequence[int] | npt.NDArray[np.intp], config: SearchConfig, rng: random.Random) -> int:
    return int(rng.choice(list(nodes))) if config.tie_break == "random" else tree.in_order(list(nodes))


def _children_surprise(tree: Tree) -> Values:
    """Mean surprise of each node's children; 0 where there are none."""
    total = np.bincount(tree.parent[1:], weights=tree.surprise[1:], minlength=len(tree))
    return np.divide(total, tree.children, out=np.zeros(len(tree)), where=tree.children > 0)
