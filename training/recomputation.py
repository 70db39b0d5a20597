"""Gradient checkpointing (arXiv 1604.06174): layers keep their input alone, and are run again on the way back."""

from contextlib import AbstractContextManager, nullcontext
from functools import partial
from typing import Any

import torch
from torch import nn
from torch.utils.checkpoint import checkpoint
from transformers import PretrainedConfig, PreTrainedModel
from transformers.modeling_layers import GradientCheckpointingLayer

from training.errors import InputError
from training.packed_attention import implementation_of


def recompute_layers(model: PreTrainedModel) -> None:
    """From now on the layers of the body keep little for the way back. Results and gradients stay the same.

    transformers' own way needs a model in training mode, where dropout would change what an update compares. Raises
    InputError for a model that is not made of such layers.
    """
    layers = [module for module in model.base_model.modules() if isinstance(module, GradientCheckpointingLayer)]
    if not layers:
        raise InputError(
            f"{type(model).__name__} has no layers that could be run again; switch hardware.gradient_checkpointing off"
        )
    config = model.config.get_text_config()
    for layer in layers:
        layer.recomputed_with = config
        layer.__class__ = type(type(layer).__name__, (_Recomputed, type(layer)), {})


class _Recomputed(nn.Module):
    """Mixed into the class of a layer; a wrapper instead would not survive that the model is copied."""

    recomputed_with: PretrainedConfig

    def forward(self, *args: Any, **kwargs: Any) -> Any:
        run = super().forward
        if not torch.is_grad_enabled():
            return run(*args, **kwargs)
        # The attention is chosen by the config, which others will have changed when the layer is run again.
        chosen = self.recomputed_with._attn_implementation

        def contexts() -> tuple[AbstractContextManager[None], AbstractContextManager[None]]:
            return nullcontext(), implementation_of(self.recomputed_with, chosen)

        return checkpoint(
            partial(run, **kwargs), *args, use_reentrant=False, preserve_rng_state=False, context_fn=contexts
        )
