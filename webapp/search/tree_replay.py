"""A search as it stood at any moment: q, N and status of its nodes, rebuilt from what each event of its replay changed.

A node is born with q = 0, and every change counts one visit, so that the first one tells with how many it was born.
Nodes that never change keep what is stored for them; the last event leaves what is stored for all.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from training.events import CHANGE_COLUMNS, NODE_STATUSES, REPLAY_COLUMNS, REPLAY_KINDS
from webapp.search.models import SearchBody, SearchNode

Columns = Mapping[str, npt.NDArray[Any]]
OPEN, EXPANDED, RIGHT, WRONG, INCOMPLETE = range(len(NODE_STATUSES))
SELECT, JUMP, EXPAND, VERIFY, BACKUP, FLUSH, DIRECT = range(len(REPLAY_KINDS))


@dataclass(frozen=True, slots=True, eq=False)
class Replay:
    """The events of a search in order, as columns."""

    columns: Columns
    """REPLAY_COLUMNS, one entry an event."""
    changes: Columns
    """CHANGE_COLUMNS: node, q and N afterwards of all events, one after another."""

    def __len__(self) -> int:
        return len(self.columns["kind"])

    @property
    def last(self) -> int:
        return len(self) - 1

    def at(self, event: int | None) -> int:
        """The event that was asked for, or the last one where there is no such."""
        return event if event is not None and 0 <= event < len(self) else self.last

    def values(self, node: SearchNode, event: int) -> tuple[float, int]:
        """q and N of a node after an event."""
        touched = np.flatnonzero(self.changes["change_node"] == node.number)
        if not len(touched):
            return node.q, node.visits
        known = touched[touched < self._changes_until(event)]
        if not len(known):
            return 0.0, int(self.changes["change_visits"][touched[0]]) - 1
        return float(self.changes["change_q"][known[-1]]), int(self.changes["change_visits"][known[-1]])

    def event_of(self, kind: int, node: int) -> int | None:
        """Number of the first event of this kind at a node."""
        found = np.flatnonzero((self.columns["kind"] == kind) & (self.columns["node"] == node))
        return int(found[0]) if len(found) else None

    def _changes_until(self, event: int) -> int:
        return int(self.columns["changes"][: event + 1].sum())


def read_replay(body: SearchBody | None) -> Replay | None:
    """The replay of a search; None where it was not kept or does not hold together."""
    if body is None or not body.kind_array:
        return None
    columns = {name: _decode(body, name, dtype) for name, dtype in REPLAY_COLUMNS.items()}
    changes = {name: _decode(body, name, dtype) for name, dtype in CHANGE_COLUMNS.items()}
    if len({len(column) for column in columns.values()}) > 1 or len({len(each) for each in changes.values()}) > 1:
        return None
    return Replay(columns, changes) if columns["changes"].sum() == len(changes["change_node"]) else None


def _decode(body: SearchBody, name: str, dtype: str) -> npt.NDArray[Any]:
    raw, width = bytes(getattr(body, f"{name}_array") or b""), np.dtype(dtype).itemsize
    return np.frombuffer(raw[: len(raw) // width * width], dtype)
