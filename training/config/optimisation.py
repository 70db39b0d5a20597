"""How gradients become new weights."""

from typing import Literal

from pydantic import Field

from training.config.base import Config


class OptimisationConfig(Config):
    """AdamW and its schedule."""

    learning_rate: float = Field(default=1e-4, gt=0, le=1)
    """Peak learning rate. Large models want 1e-6 in reinforcement learning; the built-in model takes 1e-4."""

    schedule: Literal["constant", "linear", "cosine"] = "constant"
    """How the rate falls after the warm-up: not at all, or to min_rate_share of the peak by the last step."""

    warmup_steps: int = Field(default=0, ge=0)
    """Steps over which the rate rises from zero."""

    min_rate_share: float = Field(default=0.0, ge=0, le=1)
    """Share of the peak rate that is left at the last step of a falling schedule."""

    weight_decay: float = Field(default=0.0, ge=0, le=1)
    """Decoupled decay of matrices; biases and norms are spared."""

    beta1: float = Field(default=0.9, ge=0, lt=1)
    """Decay of the first moment."""

    beta2: float = Field(default=0.95, ge=0, lt=1)
    """Decay of the second moment."""

    max_grad_norm: float = Field(default=1.0, gt=0)
    """Gradients are scaled down to this norm."""

    micro_batch_tokens: int = Field(default=8192, ge=64)
    """Tokens in one forward and backward pass; changes memory and speed, never the result."""
