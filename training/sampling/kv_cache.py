"""Keys and values of the rows in flight, in memory that is written in place and never rebuilt.

All rows end at one common column, so a decoding step writes one slice for the whole batch, and attention reads one
view. Rows of different length start at different columns; what lies before a row's start is masked by `bias`, which is
written when the row enters and needs no further care. Shape of a layer: [rows, key/value heads, columns, head size].

    column   0    first           end    columns
    row 0    .    [prompt|answer)        .         first: where the longest live row starts
    row 1    .        [prompt|an)        .         end:   where the next token is written
"""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

SPARE_COLUMNS = 64
"""Columns that are free at least when the buffers are laid out anew, so that this stays rare."""

States = list[tuple[Tensor, Tensor]]
"""For each layer the (keys, values) of some consecutive tokens, each [heads, tokens, head size]."""


@dataclass(frozen=True, slots=True)
class Part:
    """States of `count` consecutive tokens, to be read only: whoever keeps them may share their memory."""

    states: States
    count: int


class KVCache:
    """Buffers for `rows` rows of up to `longest` tokens, with memory for `columns` of them at first.

    They grow with the longest live row, to at most `longest` + `SPARE_COLUMNS` columns. Each of the `layers` takes
    shape and dtype from the first states written to it.
    """

    def __init__(
        self, rows: int, layers: int, columns: int, longest: int, device: torch.device, dtype: torch.dtype
    ) -> None:
        self.rows = rows
        self.columns = columns
        self._longest = longest
        self.first = 0
        self.end = 0
        self.keys: list[Tensor | None] = [None] * layers
        self.values: list[Tensor | None] = [None] * layers
        self.bias = torch.zeros(rows, columns, device=device, dtype=dtype)
        """Added to attention scores: 0 where a row has a token, the dtype's least number where it has none.

        It is 0 from column `end` on, for tokens to come.
        """

    @property
    def width(self) -> int:
        """Columns in use: the length of the longest live row."""
        return self.end - self.first

    def window(self, rows: int, new: int) -> "Window":
        """View of the first `rows` rows, of whose columns the last `new` get written."""
        return Window(self, rows, self.first, self.end, new)

    def open_rows(self, lengths: Sequence[int]) -> None:
        """Make an empty cache one of rows of these lengths, which all end at the last column."""
        starts = self.columns - torch.tensor([lengths], device=self.bias.device).T
        before = torch.arange(self.columns, device=self.bias.device) < starts
        self.bias.masked_fill_(before, torch.finfo(self.bias.dtype).min)
        self.first, self.end = 0, self.columns

    def narrow(self, width: int) -> None:
        """Say that the longest live row now has `width` tokens."""
        self.first = self.end - width

    def open_column(self) -> None:
        """Make room for the next token of every row."""
        if self.end == self.columns:
            self._lay_out(end=self.width)
        self.end += 1

    def adopt(self, row: int, source: "KVCache", source_rows: Tensor) -> None:
        """Copy `source_rows` (int64 index tensor) of another cache to the rows from `row` on."""
        width = source.width
        self._reserve(width)
        rows = slice(row, row + len(source_rows))
        there = slice(self.end - width, self.end)
        for layer, (keys, values) in enumerate(zip(source.keys, source.values, strict=True)):
            if keys is not None and values is not None:
                own_keys, own_values = self.buffers(layer, keys, values)
                own_keys[rows, :, there] = keys[source_rows, :, source.first : source.end]
                own_values[rows, :, there] = values[source_rows, :, source.first : source.end]
        self.bias[rows, : there.start] = torch.finfo(self.bias.dtype).min
        self.bias[rows, there] = source.bias[source_rows, source.first : source.end]
        self.first = min(self.first, there.start)

    def buffers(self, layer: int, keys: Tensor, values: Tensor) -> tuple[Tensor, Tensor]:
        """Buffers of one layer, made like the states given when there are none yet."""
        key_buffer, value_buffer = self.keys[layer], self.values[layer]
        if key_buffer is None or value_buffer is None:
            key_buffer, value_buffer = (
                states.new_zeros(self.rows, states.shape[1], self.columns, states.shape[3]) for states in (keys, values)
            )
            self.keys[layer], self.values[layer] = key_buffer, value_buffer
        return key_buffer, value_buffer

    @property
    def token_bytes(self) -> int:
        """Memory of one token's keys and values in all layers that have been written to."""
        buffers = [buffer for buffer in (*self.keys, *self.values) if buffer is not None]
        return sum(buffer.nbytes for buffer in buffers) // (self.rows * self.columns)

    def copy_states(self, row: int, column: int, count: int) -> States:
        """Copies of the states of `count` columns of one row, from `column` on."""
        columns = slice(column, column + count)
        return [
            (keys[row, :, columns].clone(), values[row, :, columns].clone())
            for keys, values in zip(self.keys, self.values, strict=True)
            if keys is not None and values is not None
        ]

    def paste_states(self, parts: Sequence[Part], rows: Tensor, columns: Tensor) -> None:
        """Write the tokens of `parts`, one after another, to `rows` and `columns` (int64 index tensors, a token each).

        One operation for each layer however many the parts are: they are many and small.
        """
        for layer in range(len(parts[0].states)):
            keys, values = (torch.cat([part.states[layer][which] for part in parts], dim=1) for which in (0, 1))
            own_keys, own_values = self.buffers(layer, keys[None], values[None])
            own_keys[rows, :, columns] = keys.transpose(0, 1)
            own_values[rows, :, columns] = values.transpose(0, 1)

    def move_rows(self, sources: Tensor, targets: Tensor) -> None:
        """Copy rows `sources` over rows `targets` (int64 index tensors of one length)."""
        live = slice(self.first, self.end)
        self.bias[targets] = self.bias[sources]
        for buffer in (*self.keys, *self.values):
            if buffer is not None:
                buffer[targets, :, live] = buffer[sources, :, live]

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
        for buffers in (self.keys, self.values):
            for layer, buffer in enumerate(buffers):
                # One at a time, so that the old memory of a layer is free before the next layer needs new.
                buffers[layer] = None if buffer is None else moved(buffer, 2)
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
        key_buffer, value_buffer = self.cache.buffers(layer, keys, values)
        key_buffer = key_buffer[: self.rows, :, self.first : self.end]
        value_buffer = value_buffer[: self.rows, :, self.first : self.end]
        key_buffer[:, :, -self.new :] = keys
        value_buffer[:, :, -self.new :] = values
        return key_buffer, value_buffer

    def bias(self) -> Tensor:
        """[rows, 1, new or 1, columns] to add to the scores; for several new columns it is causal among them."""
        # Fused attention on GPUs wants rows of the mask aligned, which a slice of the buffer is not.
        padding = self.cache.bias[: self.rows, None, None, self.first : self.end].contiguous()
        if self.new == 1:
            return padding
        width = self.end - self.first
        future = torch.full(
            (self.new, width), torch.finfo(padding.dtype).min, device=padding.device, dtype=padding.dtype
        )
        return torch.minimum(padding, future.triu_(width - self.new + 1))

    def attention_mask(self) -> Tensor:
        """int64 [rows, columns], 1 where a row has a token: the mask transformers' models take."""
        return (self.cache.bias[: self.rows, self.first : self.end] == 0).long()
