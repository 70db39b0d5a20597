"""Knobs of proximal policy optimisation with a critic: the critic, its advantages, and the KL penalty in the reward."""

from typing import Literal, Self

from pydantic import Field, model_validator

from training.config.base import Config, impossible
from training.config.rl import RlMethod, SamplingConfig, SurrogateConfig

MOST_ERROR = 0.2
"""Relative distance from its target beyond which an adaptive coefficient moves no faster (arXiv 1909.08593)."""


class PpoSamplingConfig(SamplingConfig):
    """How responses are drawn; the critic is the baseline, so a response needs no siblings."""

    samples_per_prompt: int = Field(default=1, ge=1, le=1024)
    """Responses drawn for each problem; the critic judges each by itself, so one is enough."""


class KlConfig(Config):
    """What leaving the reference costs: taken off the reward of every token, -β (log π_old - log π_ref)."""

    control: Literal["fixed", "adaptive"] = "fixed"
    """fixed: the coefficient stays. adaptive: it follows the KL of a response to a target (arXiv 1909.08593)."""

    coefficient: float = Field(default=0.05, ge=0)
    """β; of adaptive control the one to begin with. 0 leaves the penalty out."""

    target: float = Field(default=6.0, gt=0)
    """KL of a whole response, in nats, that adaptive control steers to."""

    horizon: int = Field(default=10_000, ge=1)
    """Responses over which adaptive control changes β by a factor of about e^0.2 at most."""

    @model_validator(mode="after")
    def _adaptive_has_a_start(self) -> Self:
        if self.control == "adaptive" and not self.coefficient:
            raise impossible(
                "an adaptive coefficient of 0 stays 0 whatever the KL: start above it",
                {"coefficient": 0.05},
                {"control": "fixed"},
            )
        return self


class CriticConfig(Config):
    """The model that says of every token what reward is still to come, and what is made of its opinion."""

    start: Literal["reward_model", "policy"] = "reward_model"
    """reward_model: its body and head, where there is one. policy: the policy's body and a head of zeros."""

    learning_rate: float = Field(default=1e-4, gt=0, le=1)
    """Peak rate of the critic's own optimiser; the schedule and all else are the policy's."""

    value_clip: float | None = Field(default=0.2, gt=0)
    """Values may move this far from the old ones in an update before their gradient is cut; empty for no bound."""

    value_weight: float = Field(default=0.1, gt=0)
    """Weight of the value loss. The critic has a body and an optimiser of its own, so that this acts on the bound of
    its gradient alone."""

    discount: float = Field(default=1.0, gt=0, le=1)
    """γ: what a reward is worth one token earlier."""

    gae_lambda: float = Field(default=0.95, ge=0, le=1)
    """λ of the advantages (GAE, arXiv 1506.02438): 0 trusts the critic alone, 1 the rewards alone."""

    whiten_rewards: bool = False
    """Scale the rewards of a step's tokens to a variance of 1, without moving their mean. Advantages always are."""


class PpoMethod(RlMethod):
    """Proximal Policy Optimization (arXiv 1707.06347, 2203.02155): a critic judges every token, KL is paid in reward.

    ``updates_per_step`` is the number of mini-batches of an epoch.
    """

    kind: Literal["ppo"] = "ppo"

    sampling: PpoSamplingConfig = PpoSamplingConfig()

    loss: SurrogateConfig = SurrogateConfig()

    epochs: int = Field(default=4, ge=1, le=64)
    """Times each batch of responses is learned from, in mini-batches of another order each time."""

    kl: KlConfig = KlConfig()

    critic: CriticConfig = CriticConfig()

    @property
    def needs_reference(self) -> bool:
        """See `RlMethod`; the penalty is in the reward."""
        return self.kl.coefficient > 0 or self.reward.learned.enabled

    @property
    def updates_a_step(self) -> int:
        """See `RlMethod`."""
        return self.epochs * self.updates_per_step

    @property
    def keeps_old_policy(self) -> bool:
        """See `RlMethod`; the rewards are made of its log-probabilities."""
        return True

    @model_validator(mode="after")
    def _horizon_is_longer_than_a_step(self) -> Self:
        responses = self.sampling.prompts_per_step * self.sampling.samples_per_prompt
        if self.kl.control == "adaptive" and responses * MOST_ERROR >= self.kl.horizon:
            least = int(responses * MOST_ERROR) + 1
            raise impossible(
                f"{responses} responses a step are too many for a horizon of {self.kl.horizon}: the coefficient could "
                f"reach 0 in one step; above {least - 1} it cannot",
                {"kl.horizon": max(10 * responses, least)},
                {"kl.control": "fixed"},
            )
        return self
