"""Memory that a model needs for a while where processes share its weights: what is together, and how much of it."""

from training.config.memory import BFLOAT16, FLOAT32, Part
from training.config.run import RunConfig
from training.config.shape import ModelShape

BLOCKS_TOGETHER = 2
"""One that computes, and the next on its way."""


def whole_model(config: RunConfig, shape: ModelShape) -> Part:
    """The model while it samples."""
    return Part(
        "Whole weights", shape.parameters * _element(config), "all slices together while it samples or is asked"
    )


def whole_models(config: RunConfig, shape: ModelShape, critic: ModelShape | None) -> Part:
    """The reference or the critic while it is asked, and the policy, which has sampled and is about to learn."""
    asked = max(shape.parameters, critic.parameters if critic else 0)
    why = "all slices of the reference or the critic together while it is asked, and still those of the policy"
    return Part("Whole models", (shape.parameters + asked) * _element(config), why)


def blocks_under_way(config: RunConfig, shape: ModelShape) -> Part:
    """What of the model is together in a learning pass, each weight with its gradient; embeddings and head throughout.

    They count as two matrices, which they are unless they are tied.
    """
    ends = min(2 * shape.vocabulary * shape.hidden, shape.parameters)
    inner = max(shape.parameters - shape.vocabulary * shape.hidden, 0)
    together = min(ends + BLOCKS_TOGETHER * inner // shape.layers, shape.parameters)
    why = f"weights and gradients of embeddings, head and {BLOCKS_TOGETHER} of {shape.layers} blocks together"
    return Part("Blocks under way", 2 * together * _element(config), why)


def _element(config: RunConfig) -> int:
    return FLOAT32 if config.hardware.dtype == "float32" else BFLOAT16
