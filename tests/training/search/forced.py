"""Drives a tree with made-up continuations, so that its arithmetic can be checked without a model."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from training.config import SearchConfig
from training.sampling.types import Completion
from training.search.endings import Judged
from training.search.growing import GrowingTree
from training.search.steps import StepRule

END = 1
"""The id that ends a response."""
STEP = 4
"""Tokens of a step."""


@dataclass(frozen=True)
class Child:
    """One continuation: open, or an end."""

    right: bool | None = None
    """None: open."""
    surprise: float = 0.5
    """-log p of each of its tokens."""
    cut: bool = False
    """Ends without an end token and without an answer."""
    told: bool = True
    """Whether the verifier can tell."""


OPEN = Child()
UNTOLD = Child(False, told=False)


def right(surprise: float = 0.5) -> Child:
    return Child(True, surprise)


def wrong(surprise: float = 0.5) -> Child:
    return Child(False, surprise)


def cut(surprise: float = 0.5) -> Child:
    return Child(False, surprise, cut=True)


def growing(wanted: int = 8, depth: int = 8, seed: int = 0, **config: Any) -> GrowingTree:
    settings = SearchConfig(**({"width": 3, "max_depth": depth} | config))
    return GrowingTree(settings, StepRule(depth * STEP, depth, STEP, frozenset()), wanted, (END,), seed)


def completion(child: Child) -> Completion:
    """Open continuations and cut ones fill their step; ends are shorter."""
    ids = [5] * STEP if child.right is None or child.cut else [5, END]
    logprobs = np.full(len(ids), -child.surprise, np.float32)
    return Completion(ids, logprobs, -logprobs, "length" if ids[-1] != END else "stop", 0)


def expand(tree: GrowingTree, *children: Child) -> int:
    """Expand the node the tree asks for; returns its number."""
    request = tree.request()
    ended = tree.attach(request, [completion(child) for child in children])
    judged = [
        Judged(child.right if child.told else None, None if child.cut else "42", ended=not child.cut)
        for child in children
        if child.right is not None
    ]
    tree.take(ended, judged)
    return request.node


def at(tree: GrowingTree, tag: str) -> int:
    """Number of a node by its place: "1.2" is the second child of the root's first."""
    node = 0
    for place in filter(None, tag.split(".")):
        node = int(tree.tree.children_of(node)[int(place) - 1])
    return node


def q_of(tree: GrowingTree, *tags: str) -> list[float]:
    return [float(tree.tree.q[at(tree, tag)]) for tag in tags]


def visits_of(tree: GrowingTree, *tags: str) -> list[int]:
    return [int(tree.tree.visits[at(tree, tag)]) for tag in tags]


def chain(tree: GrowingTree, length: int, end: Sequence[Child]) -> None:
    """Expand down the first child until the node at depth `length` - 1, which gets `end` as children."""
    for _ in range(length - 1):
        expand(tree, *[OPEN] * 3)
    expand(tree, *end)
