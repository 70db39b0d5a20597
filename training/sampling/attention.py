"""Grouped-query attention over a window of cached states, the new tokens' own included.

The heads of a group attend the same keys under the same mask: for attention they are several queries of one head, so
that a decoding step reads the keys once for all of them.
"""

import torch
from torch import Tensor
from torch.nn import functional as F

from training.sampling.kv_cache import Window
from training.sampling.shared_cache import SharedWindow


class RowAttention:
    """Attention of rows that hold all of their states themselves."""

    def __init__(self, window: Window) -> None:
        self._window = window
        self._bias = window.bias()

    def __call__(self, layer: int, query: Tensor, keys: Tensor, values: Tensor, scale: float) -> Tensor:
        """Store `keys` and `values` [rows, key heads, new, size] and attend from `query` [rows, heads, new, size].

        Returns [rows, new, heads * size].
        """
        keys, values = self._window.update(layer, keys, values)
        rows, heads, new, size = query.shape
        key_heads = keys.shape[1]
        group = heads // key_heads
        if new == 1:
            query = query.reshape(rows, key_heads, group, size)
        elif group > 1:
            keys, values = keys.repeat_interleave(group, dim=1), values.repeat_interleave(group, dim=1)
        attended = F.scaled_dot_product_attention(query, keys, values, attn_mask=self._bias, scale=scale)
        return attended.view(rows, heads, new, size).transpose(1, 2).reshape(rows, new, heads * size)


class SharedAttention:
    """Attention of rows to their own states and, together with their siblings, to those of their prompt."""

    def __init__(self, window: SharedWindow) -> None:
        self._window = window
        heads = len(window.grid.places) // window.own.rows
        self._bias = window.own.bias().expand(-1, heads, -1, -1).flatten(0, 1)

    def __call__(self, layer: int, query: Tensor, keys: Tensor, values: Tensor, scale: float) -> Tensor:
        """See `RowAttention`; `new` is 1."""
        grid = self._window.grid
        own_keys, own_values = (part.flatten(0, 1) for part in self._window.own.update(layer, keys, values))
        prompt_keys, prompt_values = (part.flatten(0, 1) for part in self._window.prompts.states(layer))
        (units, _, size), width = own_keys.shape, prompt_keys.shape[1]
        group = query.shape[1] * query.shape[0] // units

        def in_grid(of_rows: Tensor) -> Tensor:
            """From [units of rows, group, x] to [sections * heads, slots * group, x]."""
            return of_rows.flatten(1).index_select(0, grid.units).view(len(prompt_keys), -1, of_rows.shape[2])

        def in_rows(of_grid: Tensor) -> Tensor:
            """The way back."""
            return of_grid.reshape(len(grid.units), -1).index_select(0, grid.places).view(units, group, -1)

        query = query.reshape(units, group, size)
        own_scores = torch.baddbmm(self._bias, query, own_keys.transpose(1, 2), alpha=scale)
        scores = torch.baddbmm(grid.bias, in_grid(query), prompt_keys.transpose(1, 2), alpha=scale)
        scores = torch.cat((scores, in_grid(own_scores)), dim=-1)
        weights = scores.softmax(-1, dtype=torch.float32).to(values.dtype)
        of_prompt = in_rows(torch.bmm(weights[..., :width], prompt_values))
        attended = torch.baddbmm(of_prompt, in_rows(weights[..., width:]), own_values)
        return attended.view(len(keys), 1, -1)


def attention_over(window: Window | SharedWindow) -> RowAttention | SharedAttention:
    """The attention for one pass over `window`."""
    return SharedAttention(window) if isinstance(window, SharedWindow) else RowAttention(window)
