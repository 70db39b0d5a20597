"""Keys and values of the rows in flight, in memory that is written in place and never rebuilt.

All rows end at one common column, so a decoding step writes one slice for the whole batch, and attention reads one
view. Rows of different length start at different columns; what lies before a row's start is masked by `bias`, which is
written when the row enters and needs no further care.

    column   0    first           end    columns
    row 0    .    [prompt|answer)        .         first: where the longest live row starts
    row 1    .        [prompt|an)        .         end:   where the next token is written

A buffer is [parts, rows, key/value heads, columns, head size], where a part is the keys or the values of one layer. Few
buffers are best where rows come and go, since each costs an operation then.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from training.sampling.row_cache import Part, States, filling

SPARE_COLUMNS = 64
"""Columns that are free at least when the buffers are laid out anew, so that this stays rare."""

UNIFORM_BUFFERS = 4
"""Most buffers of a model whose states all have one shape; of several, each is laid out anew beside the old."""


class KVCache:
    """Buffers for `rows` rows of up to `longest` tokens, with memory for `columns` of them at first.

    They grow with the longest live row, to at most `longest` + `SPARE_COLUMNS` columns, and take shape and dtype from
    the first states written. `uniform` says that all keys and values of all `layers` have one shape.
    """

    def __init__(
        self,
        rows: int,
        layers: int,
        columns: int,
        longest: int,
        device: torch.device,
        dtype: torch.dtype,
        *,
        uniform: bool = False,
    ) -> None:
        self.rows = rows
        self.columns = columns
        self._longest = longest
        self.starts: list[int] = []
        """First column of each live row."""
        self.first = 0
        self.end = 0
        self.layers = layers
        parts = 2 * layers
        self._parts = parts // math.gcd(parts, UNIFORM_BUFFERS) if uniform else 1
        self._buffers: list[Tensor | None] = [None] * (parts // self._parts)
        self.bias = torch.zeros(rows, columns, device=device, dtype=dtype)
        """Added to attention scores: 0 where a row has a token, the dtype's least number where it has none.

        It is 0 from column `end` on, for tokens to come.
        """

    @property
    def device(self) -> torch.device:
        """See `RowCache`."""
        return self.bias.device

    @property
    def width(self) -> int:
        """Columns in use: the length of the longest live row."""
        return self.end - self.first

    def window(self, new: int = 1) -> "Window":
        """View of the live rows, of whose columns the last `new` get written."""
        return Window(self, len(self.starts), self.first, self.end, new)

    def open_rows(self, lengths: Sequence[int]) -> None:
        """Make an empty cache one of rows of these lengths, which all end at the last column."""
        self.end = self.columns
        self._begin([self.end - length for length in lengths])

    def open_empty_rows(self, count: int) -> None:
        """Add rows that have no token yet."""
        self._begin([self.end] * count)

    def open_column(self) -> None:
        """Make room for the next token of every row."""
        if self.end == self.columns:
            self._lay_out(end=self.width)
        self.end += 1

    def enter(self, source: "KVCache", source_rows: Sequence[int]) -> None:
        """See `RowCache`: copies the states."""
        self._reserve(source.width)
        rows = slice(len(self.starts), len(self.starts) + len(source_rows))
        there = slice(self.end - source.width, self.end)
        index = torch.tensor(source_rows, device=self.device)
        for number, states in enumerate(source._buffers):
            if states is not None:
                copied = states[:, index, :, source.first : source.end]
                self._buffer(number, states)[:, rows, :, there] = copied
        self._begin([self.end - source.end + source.starts[row] for row in source_rows])

    def leave(self, places: Sequence[int]) -> None:
        """See `RowCache`."""
        sources, targets = filling(places, len(self.starts))
        if targets:
            live = slice(self.first, self.end)
            there, here = torch.tensor([targets, sources], device=self.device)
            self.bias[there] = self.bias[here]
            for buffer in self._made():
                buffer[:, there, :, live] = buffer[:, here, :, live]
        for source, target in zip(sources, targets, strict=True):
            self.starts[target] = self.starts[source]
        del self.starts[len(self.starts) - len(places) :]
        self.first = min(self.starts, default=self.end)

    def states(self, layer: int) -> tuple[Tensor, Tensor]:
        """Views of one layer's keys and values, which must have been written to."""
        (key_buffer, key_part), (value_buffer, value_part) = (
            divmod(2 * layer + which, self._parts) for which in (0, 1)
        )
        keys, values = self._buffers[key_buffer], self._buffers[value_buffer]
        assert keys is not None
        assert values is not None
        return keys[key_part], values[value_part]

    def open_layer(self, layer: int, keys: Tensor, values: Tensor) -> None:
        """Make the buffers for states like these, if there are none yet."""
        for which, states in enumerate((keys, values)):
            self._buffer((2 * layer + which) // self._parts, states[None])

    def _buffer(self, number: int, states: Tensor) -> Tensor:
        """One buffer, made like the states given, [parts, rows, heads, tokens, head size], when there is none yet."""
        buffer = self._buffers[number]
        if buffer is None:
            shape = (self._parts, self.rows, states.shape[2], self.columns, states.shape[4])
            buffer = self._buffers[number] = states.new_zeros(shape)
        return buffer

    def _made(self) -> list[Tensor]:
        return [buffer for buffer in self._buffers if buffer is not None]

    @property
    def token_bytes(self) -> int:
        """See `RowCache`."""
        return sum(buffer.nbytes for buffer in self._made()) // (self.rows * self.columns)

    def copy_states(self, row: int, token: int, count: int) -> States:
        """See `RowCache`."""
        columns = slice(self.starts[row] + token, self.starts[row] + token + count)
        return [buffer[:, row, :, columns].clone() for buffer in self._made()]

    def paste_states(self, parts: Sequence[Part], rows: Tensor, columns: Tensor) -> None:
        """Write the tokens of `parts`, one after another, to `rows` and `columns` (int64 index tensors, a token each).

        One operation for each buffer however many the parts are: they are many and small.
        """
        for number in range(len(parts[0].states)):
            states = torch.cat([part.states[number] for part in parts], dim=2)
            self._buffer(number, states[:, None])[:, rows, :, columns] = states.permute(2, 0, 1, 3)

    def _begin(self, starts: Sequence[int]) -> None:
        """Add rows whose tokens, or the first of them to come, start at these columns."""
        rows = slice(len(self.starts), len(self.starts) + len(starts))
        before = torch.arange(self.columns) < torch.tensor(starts)[:, None]
        unmasked = torch.zeros(before.shape, dtype=self.bias.dtype)
        self.bias[rows] = unmasked.masked_fill_(before, torch.finfo(self.bias.dtype).min)
        self.starts += starts
        self.first = min(self.starts, default=self.end)

    def _reserve(self, width: int) -> None:
        """Make room for a row of `width` tokens that ends where all rows end."""
        if self.end < width:
            self._lay_out(end=width)

    def _lay_out(self, end: int) -> None:
        """Move the live columns to buffers in which they stop at column `end`, half way to the end of the memory."""
        width = self.width
        columns = min(2 * end, self._longest) + SPARE_COLUMNS

        def moved(old: Tensor, axis: int) -> Tensor:
            new = old.new_zeros([*old.shape[:axis], columns, *old.shape[axis + 1 :]])
            new.narrow(axis, end - width, width).copy_(old.narrow(axis, self.first, width))
            return new

        self.bias = moved(self.bias, 1)
        self.bias[:, : end - width] = torch.finfo(self.bias.dtype).min
        for number, buffer in enumerate(self._buffers):
            # One at a time, so that the old memory of a buffer is free before the next needs new.
            self._buffers[number] = None if buffer is None else moved(buffer, 3)
        self.starts = [start - self.first + end - width for start in self.starts]
        self.first, self.end, self.columns = end - width, end, columns


@dataclass(frozen=True, slots=True)
class Window:
    """What a forward pass sees: the first `rows` rows, columns [`first`, `end`), of which it writes the last `new`."""

    cache: KVCache
    rows: int
    first: int
    end: int
    new: int

    def update(self, layer: int, keys: Tensor, values: Tensor) -> tuple[Tensor, Tensor]:
        """Store new states [rows, heads, new, head size]; returns views of all: [rows, heads, end - first, size]."""
        self.cache.open_layer(layer, keys, values)
        all_keys, all_values = self.states(layer)
        all_keys[:, :, -self.new :] = keys
        all_values[:, :, -self.new :] = values
        return all_keys, all_values

    def states(self, layer: int) -> tuple[Tensor, Tensor]:
        """Views of what `update` has stored, and will."""
        keys, values = self.cache.states(layer)
        there = slice(self.first, self.end)
        return keys[: self.rows, :, there], values[: self.rows, :, there]

    def bias(self) -> Tensor:
        """[rows, 1, new or 1, columns] to add to the scores; for several new columns it is causal among them."""
        # Fused attention on GPUs wants rows of the mask aligned, which a slice of the buffer is not.
        padding = self.cache.bias[: self.rows, None, None, self.first : self.end].contiguous()
        if self.new <= 1:
            return padding
        width = self.end - self.first
        future = torch.full(
            (self.new, width), torch.finfo(padding.dtype).min, device=padding.device, dtype=padding.dtype
        )
        return torch.minimum(padding, future.triu_(width - self.new + 1))

    def attention_mask(self) -> Tensor:
        """int64 [rows, columns], 1 where a row has a token: the mask transformers' models take."""
        return (self.cache.bias[: self.rows, self.first : self.end] == 0).long()
