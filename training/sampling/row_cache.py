"""What a batch keeps the keys and values of its rows in, whether each row holds all of its own or shares some."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

import torch
from torch import Tensor

if TYPE_CHECKING:
    from training.sampling.kv_cache import KVCache, Window
    from training.sampling.shared_cache import SharedWindow

States = list[Tensor]
"""Keys and values of some consecutive tokens in all layers: for each buffer of a cache [parts, heads, tokens, size]."""


@dataclass(frozen=True, slots=True)
class Part:
    """States of `count` consecutive tokens, to be read only: whoever keeps them may share their memory."""

    states: States
    count: int


class RowCache(Protocol):
    """States of rows that all end at one token to come. Live rows fill the first places."""

    rows: int
    """Places for rows."""

    @property
    def device(self) -> torch.device:
        """Where the states are."""
        ...

    @property
    def token_bytes(self) -> int:
        """Memory of one token's keys and values in all layers."""
        ...

    def enter(self, source: "KVCache", source_rows: Sequence[int]) -> None:
        """Add a row for each of `source_rows`, which begins as that row of `source` does."""
        ...

    def leave(self, places: Sequence[int]) -> None:
        """Take out the rows at `places`, in ascending order; others move as `filling` says."""
        ...

    def open_column(self) -> None:
        """Make room for the next token of every row."""
        ...

    def window(self) -> "Window | SharedWindow":
        """View of the live rows, of whose columns the last one gets written."""
        ...

    def copy_states(self, row: int, token: int, count: int) -> States:
        """Copies of the states of `count` tokens of one row, from its token number `token` on."""
        ...


def filling(leaving: Sequence[int], count: int) -> tuple[list[int], list[int]]:
    """(sources, targets) of the moves by which the last of `count` rows fill the places of those `leaving`."""
    gone, staying = set(leaving), count - len(leaving)
    return [row for row in range(staying, count) if row not in gone], [row for row in leaving if row < staying]
