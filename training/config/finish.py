"""When a run may end before its last step, because it has what it is for."""

from typing import Literal, Self

from pydantic import Field, model_validator

from training.config.base import Config, impossible


class FinishConfig(Config):
    """Signs at which a run ends early, as done. Without any it makes all its steps.

    rStar2-Agent moves on when the share of cut responses has settled at about a tenth and reward has levelled off.
    """

    reward_flat: bool = False
    """The reward has levelled off: over the window it rises or falls by less than it jumps from step to step, even at
    the far end of what is uncertain about it."""

    truncation: float | None = Field(default=None, ge=0, le=1)
    """The share of responses cut at the longest length has settled at this or less; empty to not look at it."""

    pass_at_1: float | None = Field(default=None, gt=0, le=1)
    """Sampled accuracy on held-out problems has reached this, at the last evaluation; empty to not look at it."""

    needs: Literal["all", "any"] = "all"
    """Whether all of the signs asked for must hold at once, or one is enough."""

    window: int = Field(default=40, ge=10, le=100_000)
    """Steps that the first two signs look back on."""

    least_steps: int = Field(default=50, ge=1, le=10_000_000)
    """Steps that are made in any case."""

    @property
    def enabled(self) -> bool:
        """Whether any sign is asked for."""
        return self.reward_flat or self.truncation is not None or self.pass_at_1 is not None

    @model_validator(mode="after")
    def _window_is_full_by_then(self) -> Self:
        if (self.reward_flat or self.truncation is not None) and self.least_steps < self.window:
            raise impossible(
                f"after {self.least_steps} steps a window of {self.window} is not full",
                {"least_steps": self.window},
                {"window": max(self.least_steps, 10), "least_steps": max(self.least_steps, 10)},
            )
        return self
