"""Copies a model's body into another model of the same family, which has no weights yet, one layer after the other."""

import copy
from typing import Any

import torch
from torch import Tensor, nn
from transformers import PreTrainedModel

from training.adapter import base_layer
from training.quantised import in_four_bits, is_quantised


@torch.no_grad()
def copy_body(source: PreTrainedModel, target: PreTrainedModel, layers: Any = None) -> None:
    """Give `target` copies of all that `source` has in its body, without its adapter, on the same device.

    What the source holds in 4 bits is copied as it is. With bitsandbytes' `layers` every linear layer is held so, and
    no matrix but the one that is being rounded is ever there in float32 besides the source's own.
    """
    device = source.device
    copies: dict[int, nn.Parameter] = {}
    originals = dict(source.base_model.named_modules())
    for name, module in list(target.base_model.named_modules()):
        original = base_layer(originals[name])
        if type(module) is nn.Linear and type(original) is not nn.Linear:
            target.base_model.set_submodule(name, copy.deepcopy(original))
            continue
        if type(original) is nn.Linear and layers is not None:
            target.base_model.set_submodule(name, in_four_bits(original, device, layers))
            continue
        for own, parameter in original._parameters.items():
            if parameter is not None:
                copied = copies.setdefault(id(parameter), nn.Parameter(_whole(parameter)))
                module._parameters[own] = copied
        for own, buffer in original._buffers.items():
            module._buffers[own] = None if buffer is None else buffer.clone()
    target.is_loaded_in_4bit = layers is not None or is_quantised(source)


def _whole(weight: Tensor) -> Tensor:
    return weight.to(torch.float32, copy=True)
