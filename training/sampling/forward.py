"""Two ways to run a causal language model over a `Window` of cached states, with one signature.

`TransformersForward` calls any transformers model through its public cache interface. `GroupedQueryForward`
(in `grouped_query.py`) runs the layers of the Llama family itself, with less overhead and without repeating keys and
values for each query head. `forward_for` picks by the structure of the model.
"""

import inspect
from typing import Any, Protocol

from torch import Tensor
from transformers import Cache, PreTrainedModel
from transformers.cache_utils import CacheLayerMixin

from training.sampling.grouped_query import GroupedQueryForward
from training.sampling.kv_cache import Window
from training.sampling.shared_cache import SharedWindow

CACHED_LAYER_TYPES = {"full_attention", "sliding_attention", "chunked_attention"}
"""Layers whose whole memory is keys and values; a mask tells which of them a token sees."""


class Forward(Protocol):
    """Runs the model over the new columns of a window and stores their keys and values in it."""

    shares_prompts: bool
    """Whether it takes a `SharedWindow`."""

    uniform: bool
    """Whether keys and values have one shape in all layers."""

    def __call__(self, ids: Tensor, positions: Tensor, window: Window | SharedWindow) -> Tensor:
        """`ids` and `positions` int64 [rows, new]; returns the logits after the last column, [rows, vocabulary]."""
        ...


def forward_for(model: PreTrainedModel, longest: int) -> Forward:
    """The fastest way to run `model` for sequences of up to `longest` tokens that gives the model's own results."""
    return GroupedQueryForward.of(model, longest) or TransformersForward(model)


class TransformersForward:
    """The model's own forward, which finds a `Window` behind transformers' `Cache` interface."""

    shares_prompts = False
    uniform = False

    def __init__(self, model: PreTrainedModel) -> None:
        self._model = model
        accepted = inspect.signature(model.forward).parameters
        self._takes_positions = "position_ids" in accepted
        self._options: dict[str, Any] = {"logits_to_keep": 1} if "logits_to_keep" in accepted else {}

    def __call__(self, ids: Tensor, positions: Tensor, window: Window | SharedWindow) -> Tensor:
        """See `Forward`."""
        assert isinstance(window, Window)
        options = {**self._options, "position_ids": positions} if self._takes_positions else self._options
        output = self._model(
            input_ids=ids,
            attention_mask=window.attention_mask(),
            past_key_values=Cache(layers=[WindowLayer(window, layer) for layer in range(window.cache.layers)]),
            use_cache=True,
            **options,
        )
        logits: Tensor = output.logits[:, -1]
        return logits


class WindowLayer(CacheLayerMixin):  # type: ignore[misc]  # transformers is untyped here
    """One layer of a `Window`, in the shape that transformers' models expect of a cache."""

    is_sliding = False

    def __init__(self, window: Window, layer: int) -> None:
        super().__init__()
        self._window = window
        self._layer = layer
        self.is_initialized = True

    def lazy_initialization(self, key_states: Tensor, value_states: Tensor) -> None:
        """Nothing to do: the window's cache makes its buffers at the first update."""

    def update(self, key_states: Tensor, value_states: Tensor, *args: Any, **kwargs: Any) -> tuple[Tensor, Tensor]:
        """Store the new states; returns those of the whole window."""
        return self._window.update(self._layer, key_states, value_states)

    def get_mask_sizes(self, query_length: int) -> tuple[int, int]:
        """Columns to mask, and the index of the first."""
        return self._window.end - self._window.first, 0

    def get_seq_length(self) -> int:
        """Columns before the new ones."""
        return self._window.end - self._window.first - self._window.new

    def get_max_length(self) -> int:
        """No maximum."""
        return -1


def cached_layers(model: PreTrainedModel) -> int:
    """Layers that keep keys and values. Raises ValueError for a model this engine cannot run."""
    config = model.config.get_text_config()
    if model.config.is_encoder_decoder:
        raise ValueError(
            f"{type(model).__name__} is an encoder-decoder; this engine samples from causal language models"
        )
    recurrent = set(getattr(config, "layer_types", None) or []) - CACHED_LAYER_TYPES
    if recurrent or getattr(model, "_is_stateful", False):
        raise ValueError(
            f"{type(model).__name__} has layers that keep a recurrent state ({', '.join(sorted(recurrent)) or 'all'}); "
            "this engine needs keys and values in every layer"
        )
    return int(config.num_hidden_layers)
