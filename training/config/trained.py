"""How much of a model is trained, and in what its weights are held: everything, or an adapter's matrices beside it."""

from training.config.adapter import LowRankAdapter, QloraAdapter
from training.config.memory import FLOAT32
from training.config.run import RunConfig
from training.config.shape import ModelShape

FOUR_BITS = 4.127 / 8
"""Bytes of a number held in NF4: its 4 bits, and its share of the scales of 64 and of their scales (QLoRA, §3)."""


def trained_parameters(config: RunConfig, shape: ModelShape) -> int:
    """Of a model of this shape."""
    if not isinstance(config.adapter, LowRankAdapter):
        return shape.parameters
    layers = _linear_layers(shape)
    named = {name.strip() for name in config.adapter.targets.split(",")} & layers.keys()
    sides = (inputs + outputs for name, (inputs, outputs) in layers.items() if name in named or not named)
    return shape.layers * config.adapter.rank * sum(sides)


def weight_bytes(config: RunConfig, shape: ModelShape) -> int:
    """Of a model of this shape that is trained, its adapter included."""
    if not isinstance(config.adapter, LowRankAdapter):
        return shape.parameters * FLOAT32
    adapter = trained_parameters(config, shape) * FLOAT32
    if not isinstance(config.adapter, QloraAdapter):
        return shape.parameters * FLOAT32 + adapter
    matrices = shape.layers * sum(inputs * outputs for inputs, outputs in _linear_layers(shape).values())
    matrices = min(matrices, shape.parameters)
    return round(matrices * FOUR_BITS) + (shape.parameters - matrices) * FLOAT32 + adapter


def _linear_layers(shape: ModelShape) -> dict[str, tuple[int, int]]:
    """Inputs and outputs of the matrices of a block, by their usual names."""
    return {
        "q_proj": (shape.hidden, shape.query_size),
        "k_proj": (shape.hidden, shape.key_size),
        "v_proj": (shape.hidden, shape.key_size),
        "o_proj": (shape.query_size, shape.hidden),
        "gate_proj": (shape.hidden, shape.intermediate),
        "up_proj": (shape.hidden, shape.intermediate),
        "down_proj": (shape.intermediate, shape.hidden),
    }
