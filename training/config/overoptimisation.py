"""When a run whose reward a model learned counts as gaming it, and what happens then."""

from typing import Literal

from pydantic import Field

from training.config.base import Config


class OveroptimisationConfig(Config):
    """Six signs that a learned reward is followed further than it can be trusted. An empty threshold is not watched."""

    enabled: bool = True
    """Watch runs that are paid by a learned reward; of others there is nothing to watch."""

    action: Literal["alert", "stop"] = "alert"
    """alert: say so, and keep the last checkpoint before. stop: end the run at once as well, only once in a run."""

    stop_signals: int = Field(default=1, ge=1, le=6)
    """Signs that must hold at the same time before a run is stopped."""

    kl_budget: float | None = Field(default=10.0, gt=0)
    """Nats a response may be away from the reference policy. Past the best distance fitted so far counts as well."""

    reward_gap: float | None = Field(default=1.0, gt=0)
    """Standard deviations between learned reward and held-out accuracy, where they part in 2 of 3 evaluations."""

    accuracy_lost: float | None = Field(default=0.5, gt=0, lt=1)
    """Share of its best held-out accuracy that a run may lose, in 2 evaluations, while the learned reward is higher."""

    spread_growth: float | None = Field(default=2.0, gt=1)
    """Times by which the heads of the reward model may disagree more than at the start."""

    length_growth: float | None = Field(default=1.5, gt=1)
    """Times by which responses may be longer than at the start."""

    length_correlation: float | None = Field(default=0.5, gt=0, lt=1)
    """Correlation of learned reward and length from which length counts as what is paid for."""

    entropy_share: float | None = Field(default=0.2, gt=0, lt=1)
    """Share of the entropy at the start below which the policy has collapsed."""

    repeated_rise: float | None = Field(default=0.15, gt=0, lt=1)
    """Rise, since the start, of the share of token sequences of length 4 that a response has had before."""
