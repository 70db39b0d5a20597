"""A response's per-token arrays, decoded: whatever the database holds, all come out equally long."""

from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from training.events import TOKEN_ARRAYS
from webapp.inspection.models import RolloutTokens

Numbers = npt.NDArray[np.float64]
Whole = npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True, eq=False)
class TokenArrays:
    """Arrays of T tokens, [T] each."""

    ends: Whole
    """Where each token's text ends, in characters; never falls, never passes the text's end."""
    ids: Whole | None = None
    values: dict[str, Numbers] = field(default_factory=dict)
    """The stored floating point arrays by name, and ``clipped`` and ``mask`` as 0 and 1."""

    def __len__(self) -> int:
        return len(self.ends)

    @property
    def starts(self) -> Whole:
        return np.concatenate([[0], self.ends[:-1]])

    def get(self, name: str) -> Numbers | None:
        return self.values.get(name)

    @property
    def drawn(self) -> npt.NDArray[np.bool_]:
        """Where the model drew the token; elsewhere a tool or the chat template put it there."""
        mask = self.values.get("mask")
        return np.ones(len(self), np.bool_) if mask is None else mask != 0

    def pieces(self, text: str) -> list[str]:
        """The text of each token."""
        return [text[start:end] for start, end in zip(self.starts.tolist(), self.ends.tolist(), strict=True)]


def decode(stored: RolloutTokens | None, text: str) -> TokenArrays | None:
    """The arrays of a response; None where token boundaries were not kept. Arrays of another length are left out."""
    if stored is None or not stored.end_array:
        return None
    ends = np.maximum.accumulate(np.clip(_array(stored, "end"), 0, len(text))).astype(np.int64)
    values, ids = {}, None
    for name in TOKEN_ARRAYS:
        if name == "end" or not getattr(stored, f"{name}_array"):
            continue
        column = _array(stored, name)
        if len(column) != len(ends):
            continue
        if name == "id":
            ids = column.astype(np.int64)
        else:
            values[name] = column.astype(np.float64)
    return TokenArrays(ends, ids, values)


def _array(stored: RolloutTokens, name: str) -> npt.NDArray[np.generic]:
    dtype = np.dtype(TOKEN_ARRAYS[name])
    raw = bytes(getattr(stored, f"{name}_array"))
    return np.frombuffer(raw[: len(raw) // dtype.itemsize * dtype.itemsize], dtype)
