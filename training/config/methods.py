"""The methods a run can use, each with its own knobs: a tagged union keyed on ``kind``."""

from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from training.config.adaptive import HardSubsetConfig, SolutionCacheConfig
from training.config.agentic import AgenticConfig
from training.config.base import Config, impossible
from training.config.evaluate import EvaluateMethod
from training.config.nearest import MOST_SEQUENCES
from training.config.ppo import PpoMethod
from training.config.preferences import DpoMethod, RewardModelMethod
from training.config.rl import LossConfig, RlMethod
from training.config.roc import RocConfig, minimums_fit
from training.config.search import SearchConfig, TreeCreditConfig, TreeLossConfig, unequal_steps
from training.config.srl import SrlMethod


class DynamicSamplingConfig(Config):
    """DAPO: groups whose rewards are all equal teach nothing, so sample others in their place."""

    enabled: bool = False
    """Drop groups of equal rewards and refill the batch."""

    max_rounds: int = Field(default=4, ge=1, le=64)
    """Sampling rounds a step may take before it trains on what it has."""


class GrpoMethod(RlMethod):
    """Group Relative Policy Optimization (arXiv 2402.03300): advantage = reward relative to the group's siblings."""

    kind: Literal["grpo"] = "grpo"

    loss: LossConfig = LossConfig()

    dynamic_sampling: DynamicSamplingConfig = DynamicSamplingConfig()

    agentic: AgenticConfig = AgenticConfig()

    roc: RocConfig = RocConfig()

    hard_subset: HardSubsetConfig = HardSubsetConfig()

    @model_validator(mode="after")
    def _minimums_fit_the_group(self) -> Self:
        minimums_fit(self.roc, self.sampling.samples_per_prompt)
        return self


class DeepSearchMethod(RlMethod):
    """DeepSearch (arXiv 2509.25454): each problem gets a search tree, whose recorded trajectories are learned from.

    ``sampling.samples_per_prompt`` is the number of trajectories recorded in a tree.
    """

    kind: Literal["deepsearch"] = "deepsearch"

    search: SearchConfig = SearchConfig()

    credit: TreeCreditConfig = TreeCreditConfig()

    loss: TreeLossConfig = TreeLossConfig()

    hard_subset: HardSubsetConfig = HardSubsetConfig()

    cache: SolutionCacheConfig = SolutionCacheConfig()

    @model_validator(mode="after")
    def _steps_fill_the_response(self) -> Self:
        longest, depth = self.sampling.max_tokens, self.search.max_depth
        if self.search.step == "tokens" and longest % depth:
            raise unequal_steps(longest, depth, "sampling.max_tokens")
        return self

    @model_validator(mode="after")
    def _phases_tell_what_is_still_hard(self) -> Self:
        if self.cache.enabled and self.cache.fill == "phase" and not self.hard_subset.enabled:
            raise impossible(
                "solutions of problems that are still hard after a phase can be cached only where the hard subset is "
                "measured",
                {"hard_subset.enabled": True},
                {"cache.fill": "rare"},
            )
        return self


class SftMethod(Config):
    """Supervised fine-tuning on worked solutions; only the response is learned."""

    kind: Literal["sft"] = "sft"

    sequences_per_step: int = Field(default=32, ge=1, le=MOST_SEQUENCES)
    """Solutions learned from at each step."""

    max_length: int = Field(default=512, ge=8, le=131_072)
    """Longest prompt plus solution in tokens; longer ones are left out and counted."""

    packing: bool = True
    """Put several sequences into one row, without letting them see each other."""


Method = Annotated[
    GrpoMethod | DeepSearchMethod | SrlMethod | PpoMethod | SftMethod | RewardModelMethod | DpoMethod | EvaluateMethod,
    Field(discriminator="kind"),
]
