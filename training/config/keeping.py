"""What a run measures and saves while it goes on."""

from pydantic import Field

from training.config.base import Config


class EvaluationConfig(Config):
    """Held-out problems, answered while training goes on."""

    every_steps: int = Field(default=10, ge=0)
    """Evaluate every so many steps, and before the first; 0 turns it off."""

    problems: int = Field(default=64, ge=1)
    """Held-out problems asked each time, always the same ones."""

    samples: int = Field(default=4, ge=1, le=1024)
    """Sampled answers a problem; pass@1 is their mean."""

    temperature: float = Field(default=1.0, gt=0, le=5)
    """Temperature of the sampled answers; a greedy one is always asked as well."""

    max_tokens: int | None = Field(default=None, ge=1)
    """Longest answer; empty takes the training limit."""


class CheckpointConfig(Config):
    """What is saved, and what is kept."""

    every_steps: int = Field(default=25, ge=0)
    """Save every so many steps; the last step and a stop always save. 0 saves only those."""

    keep_last: int = Field(default=2, ge=1)
    """Latest checkpoints kept; pinned ones and the best stay as well."""

    keep_best: bool = True
    """Keep the one with the highest held-out pass@1 (SFT and DPO: lowest held-out loss;
    reward models: highest held-out accuracy)."""
