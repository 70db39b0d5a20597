"""The methods a run can use, each with its own knobs: a tagged union keyed on ``kind``."""

from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from training.config.adaptive import HardSubsetConfig, SolutionCacheConfig
from training.config.agentic import AgenticConfig
from training.config.base import Config, impossible
from training.config.evaluate import EvaluateMethod
from training.config.nearest import MOST_SEQUENCES, nearest_multiple
from training.config.ppo import PpoMethod
from training.config.preferences import DpoMethod, RewardModelMethod
from training.config.rl import LossConfig, RlMethod
from training.config.roc import RocConfig, minimums_fit
from training.config.search import SearchConfig, TreeCreditConfig, TreeLossConfig, unequal_steps
from training.config.srl import SrlMethod

MOST_STALENESS = 64


class DynamicSamplingConfig(Config):
    """DAPO: groups whose rewards are all equal teach nothing, so sample others in their place."""

    enabled: bool = False
    """Drop groups of equal rewards and refill the batch."""

    max_rounds: int = Field(default=4, ge=1, le=64)
    """Sampling rounds a step may take before it trains on what it has."""

    over_generation: float = Field(default=1.0, ge=1, le=16)
    """Groups asked for at once, as a multiple of those still missing: they are sampled side by side, so that replacing
    groups of equal rewards takes no further round. Batches take the first that differ, in the order asked for."""

    surplus: Literal["drop", "keep"] = "drop"
    """What becomes of groups that differ beyond the batch. keep: the first of the next step, as old as staleness
    allows; one step of that bound is taken by it."""

    @property
    def asked_at_once(self) -> float:
        """Groups asked for, as a multiple of those missing."""
        return self.over_generation if self.enabled else 1.0

    @property
    def keeps_surplus(self) -> bool:
        """Whether groups are left for the next step."""
        return self.enabled and self.surplus == "keep"


class GrpoMethod(RlMethod):
    """Group Relative Policy Optimization (arXiv 2402.03300): advantage = reward relative to the group's siblings."""

    kind: Literal["grpo"] = "grpo"

    loss: LossConfig = LossConfig()

    dynamic_sampling: DynamicSamplingConfig = DynamicSamplingConfig()

    agentic: AgenticConfig = AgenticConfig()

    roc: RocConfig = RocConfig()

    hard_subset: HardSubsetConfig = HardSubsetConfig()

    staleness: int = Field(default=0, ge=0, le=MOST_STALENESS)
    """Most optimiser updates between the weights that sample a batch and those that begin to learn from it. 0: sampling
    and training alternate. Above: the next batches are sampled by a copy of the weights while one is learned from."""

    @property
    def oldest(self) -> int:
        """The same in steps."""
        return self.staleness // self.updates_a_step

    @property
    def lag(self) -> int:
        """Steps that sampling runs ahead; 0 where it alternates with training."""
        return self.oldest - self.dynamic_sampling.keeps_surplus if self.oldest else 0

    @model_validator(mode="after")
    def _minimums_fit_the_group(self) -> Self:
        minimums_fit(self.roc, self.sampling.samples_per_prompt)
        return self

    @model_validator(mode="after")
    def _staleness_is_possible(self) -> Self:
        staleness_fits(self)
        return self


def in_turn(method: GrpoMethod) -> dict[str, object]:
    """Knobs, and what they are where sampling and training alternate."""
    keeps = method.dynamic_sampling.keeps_surplus
    return {"staleness": 0} | ({"dynamic_sampling.surplus": "drop"} if keeps else {})


def staleness_fits(method: GrpoMethod) -> None:
    """Raises `impossible` where batches cannot be as old as asked for."""
    updates, staleness, keeps = method.updates_a_step, method.staleness, method.dynamic_sampling.keeps_surplus
    if staleness and method.reward.learned.enabled:
        raise impossible(
            "a reward model is asked by the trainer, in turn with it: no batch can be scored while another is learned",
            in_turn(method),
        )
    if staleness % updates:
        nearest = {"staleness": nearest_multiple(staleness, updates, max(MOST_STALENESS // updates, 1) * updates)}
        raise impossible(
            f"batches grow older by the {updates} updates of a step at a time, so that a staleness of {staleness} "
            f"cannot be kept to exactly",
            *([nearest] if updates <= MOST_STALENESS else []),
            in_turn(method),
        )
    if keeps and method.agentic.enabled:
        raise impossible("responses with tools cannot be kept for later", {"dynamic_sampling.surplus": "drop"})
    if keeps and not staleness:
        raise impossible(
            f"groups kept for the next step are {updates} update{'s' * (updates > 1)} old by then",
            *([{"staleness": updates}] if updates <= MOST_STALENESS else []),
            {"dynamic_sampling.surplus": "drop"},
        )


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
