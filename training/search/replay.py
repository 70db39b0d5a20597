"""What happened while a tree grew, event by event, so that a page can show the search again."""

import math
from collections.abc import Iterable
from typing import Any

import numpy as np

from training.events import CHANGE_COLUMNS, REPLAY_COLUMNS
from training.search.tree import Tree

SELECT, JUMP, EXPAND, VERIFY, BACKUP, FLUSH, DIRECT = range(7)
"""Kinds of events, as `training.events.REPLAY_KINDS` names them."""


class Replay:
    """Columns of events, and of what they changed (`training.events.REPLAY_COLUMNS`, `CHANGE_COLUMNS`)."""

    def __init__(self) -> None:
        self.columns: dict[str, list[float]] = {name: [] for name in (*REPLAY_COLUMNS, *CHANGE_COLUMNS)}
        self._best_q = math.nan

    def __len__(self) -> int:
        return len(self.columns["kind"])

    def add(
        self, tree: Tree, kind: int, node: int, value: float, frontier: int, tokens: int, changed: Iterable[int] = ()
    ) -> None:
        """One event, after it happened; `changed` are the nodes whose q or N is another now."""
        nodes = list(changed)
        if kind in (BACKUP, FLUSH):
            visited = tree.visits[1:] > 0
            self._best_q = float((tree.q[1:][visited] / tree.visits[1:][visited]).max()) if visited.any() else math.nan
        event = (kind, node, value, tokens, frontier, self._best_q, len(nodes))
        for name, entry in zip(REPLAY_COLUMNS, event, strict=True):
            self.columns[name].append(entry)
        self.columns["change_node"] += nodes
        self.columns["change_q"] += tree.q[nodes].tolist()
        self.columns["change_visits"] += tree.visits[nodes].tolist()

    @property
    def first_right(self) -> int | None:
        """Number of the event at which the first right end was verified."""
        pairs = zip(self.columns["kind"], self.columns["value"], strict=True)
        return next((number for number, (kind, value) in enumerate(pairs) if kind == VERIFY and value > 0), None)

    def arrays(self) -> dict[str, Any]:
        """The columns with their dtypes."""
        return {
            name: np.asarray(self.columns[name], dtype) for name, dtype in (REPLAY_COLUMNS | CHANGE_COLUMNS).items()
        }

    @classmethod
    def from_arrays(cls, arrays: dict[str, Any]) -> "Replay":
        """What `arrays` gave, as a replay again."""
        replay = cls()
        replay.columns = {name: arrays[name].tolist() for name in replay.columns}
        return replay
