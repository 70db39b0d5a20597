"""Forward pass of the Llama family (Llama, Qwen2, Qwen3) on the model's own parameters, for sampling only.

The arithmetic is that of the transformers modules: pre-norm blocks of grouped-query attention with rotary positions
(Su et al., 2021) and a gated MLP. What is left out is what sampling does not need: masks built anew each step, keys and
values copied once per query head (a decoding step reads them once for all heads of a group), a cache that grows by
copying. Nothing is copied from the parameters either, so a trainer may change them between two calls.
"""

from typing import Any, NamedTuple, Self

import torch
from torch import Tensor, nn
from torch.nn import functional as F
from transformers import LlamaForCausalLM, PreTrainedModel, Qwen2ForCausalLM, Qwen3ForCausalLM

from training.adapter import LowRank, base_layer, low_rank_of
from training.sampling.attention import attention_over
from training.sampling.kv_cache import Window
from training.sampling.shared_cache import SharedWindow

FAMILY = (LlamaForCausalLM, Qwen2ForCausalLM, Qwen3ForCausalLM)
FIXED_ROTARY_TYPES = {"default", "linear", "llama3", "yarn"}
"""Rotary embeddings whose angles depend on the position alone, so that a table can hold them."""


class Linear(NamedTuple):
    """A matrix, and what an adapter adds to it."""

    weight: Tensor
    bias: Tensor | None
    adapter: LowRank | None

    def __call__(self, states: Tensor) -> Tensor:
        """States [..., inputs] -> [..., outputs]."""
        result = F.linear(states, self.weight, self.bias)
        if self.adapter is None:
            return result
        return result + F.linear(F.linear(states, self.adapter.down), self.adapter.up)


class Norm(NamedTuple):
    """Arguments of `F.rms_norm`."""

    shape: tuple[int, ...]
    weight: Tensor
    epsilon: float


class Layer(NamedTuple):
    """Parameters of one block."""

    attention_norm: Norm
    query: Linear
    key: Linear
    value: Linear
    query_norm: Norm | None
    key_norm: Norm | None
    output: Linear
    scale: float
    mlp_norm: Norm
    gate: Linear
    up: Linear
    down: Linear
    activation: nn.Module


class Rotation(NamedTuple):
    """Cosines and signed sines of the positions at hand, [rows, new, 1, head size]."""

    cos: Tensor
    sin: Tensor

    def __call__(self, states: Tensor) -> Tensor:
        """Rotate `states` [rows, new, heads, head size]."""
        return torch.addcmul(states * self.cos, states.roll(states.shape[-1] // 2, -1), self.sin)


class GroupedQueryForward:
    """See `forward.Forward`. Made by `of` for one call of the engine: it refers to the parameters of that moment."""

    uniform = True

    def __init__(self, model: PreTrainedModel, longest: int) -> None:
        body = model.model
        self._embedding: Tensor = body.embed_tokens.weight
        # On GPUs the one kernel of `RowAttention` is likely faster than the many of `SharedAttention`.
        self.shares_prompts = self._embedding.device.type == "cpu"
        self._layers = [_layer(block) for block in body.layers]
        self._norm = _norm(body.norm)
        self._head = _linear(model.lm_head)
        self._head_dim: int = body.layers[0].self_attn.head_dim
        positions = torch.arange(longest, device=self._embedding.device)
        cos, sin = body.rotary_emb(self._embedding[:1, None], positions[None])
        half = self._head_dim // 2
        self._cos: Tensor = cos[0]
        # With the sign of "rotate half" in the table, rotating is a roll.
        self._sin = torch.cat((-sin[0, :, :half], sin[0, :, half:]), dim=-1)

    @classmethod
    def of(cls, model: PreTrainedModel, longest: int) -> Self | None:
        """The forward for `model` up to `longest` positions, or None when its structure is not the one known here."""
        return cls(model, longest) if has_known_structure(model) else None

    def __call__(self, ids: Tensor, positions: Tensor, window: Window | SharedWindow) -> Tensor:
        """See `forward.Forward`."""
        hidden = F.embedding(ids, self._embedding)
        rotation = Rotation(
            F.embedding(positions, self._cos)[:, :, None], F.embedding(positions, self._sin)[:, :, None]
        )
        attend = attention_over(window)
        for index, layer in enumerate(self._layers):
            normed = F.rms_norm(hidden, *layer.attention_norm)
            attended = attend(index, *self._project(layer, normed, rotation), layer.scale)
            hidden = hidden + layer.output(attended)
            normed = F.rms_norm(hidden, *layer.mlp_norm)
            gated = layer.activation(layer.gate(normed)).mul_(layer.up(normed))
            hidden = hidden + layer.down(gated)
        return self._head(F.rms_norm(hidden[:, -1], *self._norm))

    def _project(self, layer: Layer, normed: Tensor, rotation: Rotation) -> tuple[Tensor, Tensor, Tensor]:
        """Rotated queries, rotated keys, values: each [rows, heads, new, head size]."""
        heads = (*normed.shape[:2], -1, self._head_dim)
        query = layer.query(normed).view(heads)
        keys = layer.key(normed).view(heads)
        values = layer.value(normed).view(heads)
        if layer.query_norm is not None and layer.key_norm is not None:
            query, keys = F.rms_norm(query, *layer.query_norm), F.rms_norm(keys, *layer.key_norm)
        return rotation(query).transpose(1, 2), rotation(keys).transpose(1, 2), values.transpose(1, 2)


def has_known_structure(model: PreTrainedModel) -> bool:
    """Whether `model` is part for part what is computed here: nothing hooked, quantised or sharded, nor adapted in
    another way than by LoRA."""
    if type(model) not in FAMILY:
        return False
    body = model.model
    blocks = list(body.layers)
    linears = [model.lm_head, *(part for block in blocks for part in _linear_parts(block))]
    return (
        all(type(base_layer(part)) is nn.Linear for part in linears)
        and type(body.embed_tokens) is nn.Embedding
        and all(type(parameter) is nn.Parameter for parameter in model.parameters())
        and not any(part._forward_hooks or part._forward_pre_hooks for part in model.modules())
        and set(getattr(model.config, "layer_types", None) or ["full_attention"]) == {"full_attention"}
        and body.rotary_emb.rope_type in FIXED_ROTARY_TYPES
        and body.rotary_emb.inv_freq.shape[0] * 2 == blocks[0].self_attn.head_dim
    )


def _linear_parts(block: Any) -> list[nn.Module]:
    attention, mlp = block.self_attn, block.mlp
    return [
        *(getattr(attention, name) for name in ("q_proj", "k_proj", "v_proj", "o_proj")),
        *(getattr(mlp, name) for name in ("gate_proj", "up_proj", "down_proj")),
    ]


def _layer(block: Any) -> Layer:
    attention, mlp = block.self_attn, block.mlp
    query_norm, key_norm = getattr(attention, "q_norm", None), getattr(attention, "k_norm", None)
    return Layer(
        attention_norm=_norm(block.input_layernorm),
        query=_linear(attention.q_proj),
        key=_linear(attention.k_proj),
        value=_linear(attention.v_proj),
        query_norm=None if query_norm is None else _norm(query_norm),
        key_norm=None if key_norm is None else _norm(key_norm),
        output=_linear(attention.o_proj),
        scale=attention.scaling,
        mlp_norm=_norm(block.post_attention_layernorm),
        gate=_linear(mlp.gate_proj),
        up=_linear(mlp.up_proj),
        down=_linear(mlp.down_proj),
        activation=mlp.act_fn,
    )


def _linear(part: Any) -> Linear:
    original = base_layer(part)
    return Linear(original.weight, original.bias, low_rank_of(part))  # type: ignore[arg-type]


def _norm(part: Any) -> Norm:
    return Norm(tuple(part.weight.shape), part.weight, part.variance_epsilon)
