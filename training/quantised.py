"""Matrices held in 4 bits (NF4, arXiv 2305.14314), for what is not trained: needs bitsandbytes, an optional package."""

from typing import Any

import torch
from torch import Tensor, nn
from transformers import PreTrainedModel

from training.errors import InputError


def quantise(model: PreTrainedModel, device: torch.device) -> None:
    """Put 4-bit layers in place of all linear layers of the body, and all of it on `device`; they compute in bfloat16.

    A model in host memory never needs room for more than one whole layer there. Raises InputError like
    `four_bit_layers`.
    """
    put_four_bits(model, device, four_bit_layers(device))


def four_bit_layers(device: torch.device) -> Any:
    """bitsandbytes' layers. Raises InputError without a GPU or without bitsandbytes."""
    if device.type != "cuda":
        raise InputError("QLoRA needs a GPU, and none is used here; set adapter to lora, or hardware.device to cuda")
    try:
        import bitsandbytes
    except ImportError as error:
        raise InputError(
            "QLoRA needs the package bitsandbytes: pip install 'espalier[qlora]', or set adapter to lora"
        ) from error
    return bitsandbytes.nn


def is_quantised(model: PreTrainedModel) -> bool:
    """Whether some of it is held in 4 bits, and computes no more exactly than bfloat16."""
    return bool(getattr(model, "is_loaded_in_4bit", False))


def put_four_bits(model: PreTrainedModel, device: torch.device, layers: Any) -> None:
    """The same with bitsandbytes' `layers`, on any device."""
    for module in list(model.base_model.modules()):
        for name, part in module.named_children():
            if type(part) is nn.Linear:
                setattr(module, name, in_four_bits(part, device, layers))
    model.to(device)
    model.is_loaded_in_4bit = True  # by which peft knows


def in_four_bits(linear: nn.Linear, device: torch.device, layers: Any) -> nn.Module:
    """A copy of a linear layer, rounded to 4 bits on `device`."""
    with torch.device("meta"):
        made = layers.Linear4bit(
            linear.in_features,
            linear.out_features,
            bias=linear.bias is not None,
            compute_dtype=torch.bfloat16,
            compress_statistics=True,
            quant_type="nf4",
        )
    made.weight = layers.Params4bit(
        linear.weight.data.cpu(), requires_grad=False, compress_statistics=True, quant_type="nf4", module=made
    )
    if linear.bias is not None:  # rounded now, since the first pass would
        made.bias = nn.Parameter(linear.bias.data.to(torch.bfloat16), requires_grad=False)
    quantised: nn.Module = made.to(device)
    return quantised


def whole_weight(weight: Tensor) -> Tensor:
    """A matrix as it is, or in float32 where it is held in 4 bits."""
    state = getattr(weight, "quant_state", None)
    if state is None:
        return weight.data
    from bitsandbytes.functional import dequantize_4bit

    whole: Tensor = dequantize_4bit(weight.data, state)
    return whole.float()
