"""Causal attention among sequences that lie in one packed row and may share prefixes.

Everything in a transformer but attention works token by token, and needs no padding. Attention is done block by block:
a block takes some segments of similar length, looks up the keys and values of each one's whole path (its parent, then
itself), and makes one call of scaled dot-product attention. It plugs into transformers' attention interface under the
name `ATTENTION`, so any model that uses the interface can run packed, on its own parameters.
"""

import math
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, NamedTuple, Self

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F
from transformers import AttentionInterface, PretrainedConfig, PreTrainedModel

ATTENTION = "espalier_packed"

LENGTH_RATIO = 1.4
"""Segments share a block while their lengths differ by less than this factor: fewer calls against less padding."""


class Segment(NamedTuple):
    """A run of tokens in the row that follows on its parent's tokens, and sees them and its own earlier ones."""

    start: int
    length: int
    parent: int | None
    """Number of the parent among the segments; parents themselves have none."""


@dataclass(frozen=True, slots=True, eq=False)
class Block:
    """S segments that are attended in one call."""

    queries: Tensor
    """int64 [S · Lq]: where each query stands in the row; padding repeats place 0."""
    keys: Tensor
    """int64 [S · Lk]: where each key stands."""
    segments: int
    mask: Tensor | None
    """float32 [S, 1, Lq, Lk], 0 or -inf; None when plain causal masking does."""
    _masks: dict[torch.dtype, Tensor] = field(default_factory=dict)

    def mask_for(self, query: Tensor) -> Tensor | None:
        """The mask in the precision that attention computes in: one for all layers, which keep it for the way back."""
        if self.mask is None:
            return None
        kind = query.device.type
        dtype = torch.get_autocast_dtype(kind) if torch.is_autocast_enabled(kind) else query.dtype
        if dtype not in self._masks:
            self._masks[dtype] = self.mask.to(dtype)
        return self._masks[dtype]


@dataclass(frozen=True, slots=True, eq=False)
class AttentionLayout:
    """Blocks that together hold every segment, and the way back."""

    blocks: list[Block]
    restore: Tensor
    """int64 [T]: where the blocks' outputs, one after another, hold each token of the row."""

    @classmethod
    def of(cls, segments: Sequence[Segment], device: torch.device) -> Self:
        """Sort the segments into blocks of similar shape."""
        shapes: dict[tuple[int, int], list[Segment]] = {}
        for segment in segments:
            if segment.length:
                prefix = segments[segment.parent].length if segment.parent is not None else 0
                shapes.setdefault((_size_class(segment.length), _size_class(prefix)), []).append(segment)
        blocks = []
        restore = np.zeros(sum(segment.length for segment in segments), dtype=np.int64)
        offset = 0
        for members in shapes.values():
            width = max(segment.length for segment in members)
            for row, segment in enumerate(members):
                first = offset + row * width
                restore[segment.start : segment.start + segment.length] = np.arange(first, first + segment.length)
            offset += len(members) * width
            parents = [segments[segment.parent] if segment.parent is not None else None for segment in members]
            blocks.append(_block(members, parents, device))
        return cls(blocks, torch.from_numpy(restore).to(device))


def packed_attention(
    module: nn.Module,
    query: Tensor,
    key: Tensor,
    value: Tensor,
    attention_mask: Tensor | None,
    scaling: float | None = None,
    layout: AttentionLayout | None = None,
    sliding_window: int | None = None,
    softcap: float | None = None,
    s_aux: Tensor | None = None,
    **_: Any,
) -> tuple[Tensor, None]:
    """transformers' attention function: query [1, Hq, T, D], key and value [1, Hkv, T, D] -> [1, T, Hq, D].

    Raises NotImplementedError for kinds of attention that blocks do not cover, so that the caller can run padded.
    """
    if layout is None or sliding_window is not None or softcap is not None or s_aux is not None:
        raise NotImplementedError("packed attention covers full causal attention only")
    heads, size, value_size = query.shape[1], query.shape[3], value.shape[3]
    queries, keys, values = (states[0].transpose(0, 1).flatten(1) for states in (query, key, value))
    outputs = [
        F.scaled_dot_product_attention(
            _take(queries, block.queries, block.segments, size),
            _repeat(_take(keys, block.keys, block.segments, size), heads),
            _repeat(_take(values, block.keys, block.segments, value_size), heads),
            attn_mask=block.mask_for(query),
            is_causal=block.mask is None,
            scale=scaling,
        )
        .transpose(1, 2)
        .reshape(-1, heads * value_size)
        for block in layout.blocks
    ]
    output = F.embedding(layout.restore, torch.cat(outputs))
    return output.view(1, -1, heads, value_size), None


def _take(states: Tensor, places: Tensor, segments: int, head_size: int) -> Tensor:
    """States [T, H · D] at `places` [S · L] as [S, H, L, D]. Embedding's backward beats that of indexing on CPUs."""
    return F.embedding(places, states).view(segments, -1, states.shape[1] // head_size, head_size).transpose(1, 2)


@contextmanager
def attention_of(model: PreTrainedModel, implementation: str) -> Iterator[None]:
    """Run the model with another attention implementation for a while; samplers share the module."""
    with implementation_of(model.config.get_text_config(), implementation):
        yield


@contextmanager
def implementation_of(config: PretrainedConfig, implementation: str) -> Iterator[None]:
    """The same for all models of this config."""
    before = config._attn_implementation
    config._attn_implementation = implementation
    try:
        yield
    finally:
        config._attn_implementation = before


def _repeat(states: Tensor, heads: int) -> Tensor:
    """Keys or values [S, Hkv, L, D] once for each query head: [S, Hq, L, D]."""
    segments, own, length, size = states.shape
    if own == heads:
        return states
    shape = (segments, own, heads // own, length, size)
    return states[:, :, None].expand(shape).reshape(segments, heads, length, size)


def _block(members: Sequence[Segment], parents: Sequence[Segment | None], device: torch.device) -> Block:
    width = max(segment.length for segment in members)
    prefix_width = max((parent.length for parent in parents if parent), default=0)
    starts = np.array([segment.start for segment in members])
    lengths = np.array([segment.length for segment in members])
    own = np.where(np.arange(width) < lengths[:, None], starts[:, None] + np.arange(width), 0)
    if not prefix_width:
        places = torch.from_numpy(own.ravel()).to(device)
        return Block(places, places, len(members), None)
    prefix_starts = np.array([parent.start if parent else 0 for parent in parents])
    prefix_lengths = np.array([parent.length if parent else 0 for parent in parents])
    in_prefix = np.arange(prefix_width) < prefix_lengths[:, None]
    prefix = np.where(in_prefix, prefix_starts[:, None] + np.arange(prefix_width), 0)
    keys = np.concatenate((prefix, own), axis=1)
    # Put together where it is used: it is by far the largest of all that a layout is made of.
    mask = torch.zeros(len(members), 1, width, prefix_width + width, device=device)
    mask[..., :prefix_width].masked_fill_(torch.from_numpy(~in_prefix).to(device)[:, None, None], -math.inf)
    mask[..., prefix_width:].masked_fill_(torch.ones(width, width, dtype=torch.bool, device=device).triu(1), -math.inf)
    return Block(
        torch.from_numpy(own.ravel()).to(device), torch.from_numpy(keys.ravel()).to(device), len(members), mask
    )


def _size_class(length: int) -> int:
    return round(math.log(max(length, 1), LENGTH_RATIO)) if length else -1


AttentionInterface.register(ATTENTION, packed_attention)
