"""Knobs of methods that learn from people's rankings: reward models, and direct preference optimisation."""

from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from training.config.base import Config, impossible
from training.config.nearest import MOST_SEQUENCES

PROJECT_RANKINGS = "rankings.jsonl"
"""File in a run's folder that holds the labels of its project, as they were when it was first launched."""


class BuiltinRankings(Config):
    """Made-up labels of answers to built-in arithmetic: right before wrong, worked out before guessed."""

    kind: Literal["builtin"] = "builtin"

    level: Literal["easy", "middle", "hard"] = "middle"
    """Number of operations, digits and brackets."""

    count: int = Field(default=512, ge=8, le=20_000)
    """Prompts, with four responses each."""

    errors: float = Field(default=0.1, ge=0, le=0.5)
    """Share of labels in which two responses are mixed up, as people do."""

    seed: int = Field(default=0, ge=0)
    """Seed of the generator."""


class ProjectRankings(Config):
    """The labels of a labeling project, as they are when the run is first launched."""

    kind: Literal["project"] = "project"

    slug: str = Field(min_length=1, max_length=80, pattern=r"^[a-z0-9][a-z0-9-]*$")
    """Short name of the project, as in its address."""


class RankingsFile(Config):
    """A JSONL file of labels, one object a line with prompt, responses and ranks (1 is best, equal ranks tie)."""

    kind: Literal["file"] = "file"

    path: str = Field(min_length=1)
    """The file, such as a project's export; relative paths start at the run's folder."""


RankingSource = Annotated[BuiltinRankings | ProjectRankings | RankingsFile, Field(discriminator="kind")]


class PreferenceMethod(Config):
    """What all methods share that learn from rankings. A prompt with all its responses and labels is one element."""

    rankings: RankingSource = BuiltinRankings()

    rankings_per_step: int = Field(default=16, ge=1, le=MOST_SEQUENCES)
    """Ranked prompts learned from at each step; each with all pairs of its responses (InstructGPT: 64)."""

    max_length: int = Field(default=512, ge=8, le=131_072)
    """Longest prompt plus response in tokens; prompts with a longer response are left out and counted."""

    heldout_share: float = Field(default=0.1, ge=0, le=0.9)
    """Share of prompts that are never learned from, but predicted; the hash of a prompt and the seed choose them."""


class RewardModelMethod(PreferenceMethod):
    """A reward model: a model that scores responses as people rank them (InstructGPT, arXiv 2203.02155)."""

    kind: Literal["reward_model"] = "reward_model"

    ties: Literal["drop", "half", "rao_kupper", "davidson"] = "drop"
    """What equal ranks teach. drop: nothing (InstructGPT). half: half a win each way. rao_kupper, davidson: models in
    which a tie has a probability of its own."""

    theta: float = Field(default=1.5, gt=1, le=100)
    """Rao and Kupper's threshold θ: responses tie while their rewards differ by less than about log θ."""

    nu: float = Field(default=1.0, gt=0, le=100)
    """Davidson's ν: how often equally good responses tie; 1 for a third of the time."""

    margins: bool = False
    """Ask for a larger difference where a choice between two was clear, not slight (Llama 2, arXiv 2307.09288)."""

    centering: float = Field(default=0.01, ge=0, le=1)
    """Weight of the penalty that keeps rewards around 0 (arXiv 2312.09244); 0 for none."""

    heads: int = Field(default=1, ge=1, le=64)
    """Heads on the same body, whose disagreement tells how sure the rewards are; 1 for none."""

    shift: Literal["solutions", "chosen", "responses", "none"] = "solutions"
    """What has reward 0 on average in a saved model. solutions: worked solutions of held-out problems (InstructGPT:
    labelers' demonstrations); where there are none, chosen. chosen: the best responses of each ranking. responses: all
    ranked ones. none: rewards stay as they are."""


class DpoMethod(PreferenceMethod):
    """Direct Preference Optimization (arXiv 2305.18290): the policy learns from rankings, without a reward model.

    The reference is the model that the run starts from.
    """

    kind: Literal["dpo"] = "dpo"

    beta: float = Field(default=0.1, gt=0, le=100)
    """How strongly the policy is held to its reference: the implicit reward is β · log-ratio."""

    loss: Literal["sigmoid", "conservative", "robust", "hinge", "ipo"] = "sigmoid"
    """sigmoid: the paper's. conservative (cDPO), robust (arXiv 2403.00409): for labels of which a share is wrong.
    hinge: SLiC's. ipo (arXiv 2310.12036): stops at a log-ratio of 1/(2β)."""

    smoothing: float = Field(default=0.0, ge=0, lt=0.5)
    """Share of labels taken to be wrong, by the losses conservative and robust."""

    @model_validator(mode="after")
    def _smoothing_has_its_loss(self) -> Self:
        if self.smoothing and self.loss not in ("conservative", "robust"):
            raise impossible(
                f"the loss {self.loss} takes no label for wrong, so smoothing would do nothing",
                {"smoothing": 0.0},
                {"loss": "conservative"},
            )
        return self
