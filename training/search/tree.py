"""The tree of one problem: arrays with an entry a node, in the order the nodes were made. Number 0 is the root.

A node is a step of a response: the tokens after its parent's. What a node stands for as a state is the prompt followed
by the steps on its path.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float32]

ROOT = 0
OPEN, EXPANDED, RIGHT, WRONG, INCOMPLETE = range(5)
"""Status of a node, as `training.events.NODE_STATUSES` names them."""
NOT_RECORDED, RECORDED_RIGHT, RECORDED_CONFIDENT_WRONG, RECORDED_WRONG = range(4)
"""Whether an end was recorded, as `training.events.RECORDED` names it."""

COLUMNS: dict[str, tuple[str, float]] = {
    "parent": ("<i4", -1),
    "depth": ("<i4", 0),
    "rank": ("<i4", 0),  # place among its siblings
    "children": ("<i4", 0),
    "tokens": ("<i4", 0),
    "length": ("<i4", 0),  # tokens of the path
    "status": ("<u1", OPEN),
    "recorded": ("<u1", NOT_RECORDED),
    "visits": ("<i4", 0),
    "q": ("<f8", 0.0),
    "surprise": ("<f8", 0.0),  # mean -log p of the node's own tokens
    "entropy": ("<f8", 0.0),
    "path_nll": ("<f8", 0.0),  # sum of -log p over the path
    "open_below": ("<i4", 0),  # nodes that may still be expanded, in the subtree
    "born": ("<i4", 0),
}
"""Dtype and first value of each column."""


@dataclass(frozen=True, slots=True, eq=False)
class Step:
    """Tokens of one step, as they were sampled; arrays are [T]."""

    token_ids: list[int]
    logprobs: Floats
    entropies: Floats

    def __len__(self) -> int:
        return len(self.token_ids)


EMPTY = Step([], np.zeros(0, np.float32), np.zeros(0, np.float32))


class Tree:
    """Columns as attributes (`tree.q`, `tree.visits`, …), each [nodes], and the tokens of each node's step."""

    parent: npt.NDArray[np.int32]
    depth: npt.NDArray[np.int32]
    rank: npt.NDArray[np.int32]
    children: npt.NDArray[np.int32]
    tokens: npt.NDArray[np.int32]
    length: npt.NDArray[np.int32]
    status: npt.NDArray[np.uint8]
    recorded: npt.NDArray[np.uint8]
    visits: npt.NDArray[np.int32]
    q: npt.NDArray[np.float64]
    surprise: npt.NDArray[np.float64]
    entropy: npt.NDArray[np.float64]
    path_nll: npt.NDArray[np.float64]
    open_below: npt.NDArray[np.int32]
    born: npt.NDArray[np.int32]

    def __init__(self) -> None:
        self.steps: list[Step] = [EMPTY]
        self._rows = {name: np.full(64, first, dtype) for name, (dtype, first) in COLUMNS.items()}
        self._view()
        self.open_below[ROOT] = 1

    def __len__(self) -> int:
        return len(self.steps)

    def path(self, node: int) -> list[int]:
        """Numbers from the root to the node, both included."""
        nodes = [node]
        while node != ROOT:
            node = int(self.parent[node])
            nodes.append(node)
        return nodes[::-1]

    def prefix(self, node: int) -> list[int]:
        """Token ids of the response up to and with the node."""
        return [token for place in self.path(node) for token in self.steps[place].token_ids]

    def mean_surprise(self, node: int) -> float:
        """Mean -log p over all tokens of the path (eq. 1 and 2): the entropy estimate by which ends are compared."""
        return float(self.path_nll[node] / max(self.length[node], 1))

    def children_of(self, node: int) -> npt.NDArray[np.intp]:
        """Numbers of the node's children, in order of birth."""
        return np.flatnonzero(self.parent == node)

    def add(self, parent: int, step: Step, born: int = 0) -> int:
        """Attach an open child; returns its number."""
        number = len(self.steps)
        if number == len(self._rows["q"]):
            self._rows = {
                name: np.concatenate([row, np.full_like(row, COLUMNS[name][1])]) for name, row in self._rows.items()
            }
        self.steps.append(step)
        self._view()
        nll = -float(step.logprobs.sum(dtype=np.float64))
        self.parent[number], self.depth[number] = parent, self.depth[parent] + 1
        self.rank[number], self.born[number] = self.children[parent], born
        self.tokens[number], self.length[number] = len(step), self.length[parent] + len(step)
        self.surprise[number] = nll / max(len(step), 1)
        self.entropy[number] = float(step.entropies.mean(dtype=np.float64)) if len(step) else 0.0
        self.path_nll[number] = self.path_nll[parent] + nll
        self.children[parent] += 1
        self._count_open(number, 1)
        return number

    def close(self, node: int, status: int) -> None:
        """The node may not be expanded any more: it has all its children, or it ended."""
        if self.status[node] == OPEN:
            self._count_open(node, -1)
        self.status[node] = status

    def is_end(self, node: int) -> bool:
        """Whether a response ended there."""
        return bool(self.status[node] >= RIGHT)

    def ends(self) -> npt.NDArray[np.intp]:
        """Numbers of all nodes at which a response ended."""
        return np.flatnonzero(self.status >= RIGHT)

    def in_order(self, nodes: Sequence[int]) -> int:
        """The first of these nodes on a walk that visits parents before children and siblings by birth."""
        if len(nodes) == 1:
            return int(nodes[0])
        return int(min(nodes, key=lambda node: [int(self.rank[place]) for place in self.path(int(node))[1:]]))

    def state_dict(self) -> dict[str, Any]:
        """All of it as arrays."""
        steps = [self.steps[node] for node in range(len(self))]
        return {name: row[: len(self)].copy() for name, row in self._rows.items()} | {
            "token_ids": np.array([token for step in steps for token in step.token_ids], "<i4"),
            "token_logprobs": np.concatenate([step.logprobs for step in steps]),
            "token_entropies": np.concatenate([step.entropies for step in steps]),
        }

    @classmethod
    def from_state(cls, state: dict[str, Any]) -> "Tree":
        """What `state_dict` gave, as a tree again."""
        tree = cls()
        tree._rows = {name: np.array(state[name], dtype) for name, (dtype, _) in COLUMNS.items()}
        bounds = np.cumsum(tree._rows["tokens"])[:-1]
        parts = (np.split(state[name], bounds) for name in ("token_ids", "token_logprobs", "token_entropies"))
        tree.steps = [Step(ids.tolist(), logprobs, entropies) for ids, logprobs, entropies in zip(*parts, strict=True)]
        tree._view()
        return tree

    def _count_open(self, node: int, change: int) -> None:
        for place in self.path(node):
            self.open_below[place] += change

    def _view(self) -> None:
        for name, row in self._rows.items():
            setattr(self, name, row[: len(self.steps)])
