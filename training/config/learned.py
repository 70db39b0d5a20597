"""Knobs of a learned reward: which reward model scores the responses, and what its scores become."""

from typing import Annotated, Literal

from pydantic import Field

from training.config.base import Config
from training.config.model import LocalModel


class NoRewardModel(Config):
    """Responses are paid by rules alone."""

    kind: Literal["none"] = "none"


class RewardCheckpoint(Config):
    """A checkpoint of a run that trained a reward model."""

    kind: Literal["checkpoint"] = "checkpoint"

    run: int = Field(default=0, ge=0)
    """Number of the run that trained it; 0 while none is chosen."""

    step: int = Field(default=0, ge=0)
    """Step at which it was saved."""


RewardModelSource = Annotated[NoRewardModel | LocalModel | RewardCheckpoint, Field(discriminator="kind")]


class LearnedRewardConfig(Config):
    """A reward model's opinion of each response, beside the rewards by rule."""

    model: RewardModelSource = NoRewardModel()

    weight: float = Field(default=1.0, ge=0)
    """What the learned reward counts beside the others; 0 still scores and reports it."""

    heads: Literal["mean", "min", "conservative"] = "mean"
    """What several heads agree on: their mean, the lowest of them, or the mean less their standard deviation."""

    transform: Literal["none", "sigmoid_of_difference"] = "none"
    """sigmoid_of_difference (PAR, arXiv 2502.18770): sigmoid(r - r_ref), where r_ref is the mean reward of what the
    reference answers to the same problem. Beyond what the reference does, more and more reward is worth less."""

    reference_samples: int = Field(default=1, ge=1, le=64)
    """Answers of the reference that r_ref is the mean of, sampled once a problem, and anew after the reference was
    refreshed; the paper finds one to be enough."""

    clip: float = Field(default=0.0, ge=0)
    """Rewards beyond ± this are cut to it, after the transform; 0 cuts nothing."""

    @property
    def enabled(self) -> bool:
        """Whether there is a reward model."""
        return not isinstance(self.model, NoRewardModel)

    @property
    def anchored(self) -> bool:
        """Whether rewards are compared with the reference's."""
        return self.enabled and self.transform == "sigmoid_of_difference"
