"""Knobs of an evaluation: a model answers problems, and nothing is trained.

It takes the place of a method in a run's config, so that whatever queues, watches, stops and shows runs serves it too.
"""

from typing import Literal, Self

from pydantic import Field, model_validator

from training.config.agentic import AgenticConfig
from training.config.base import Config, impossible
from training.config.learned import LearnedRewardConfig
from training.config.nearest import MOST_SEQUENCES
from training.config.search import SearchConfig, unequal_steps


class EvaluateMethod(Config):
    """Every problem is answered several times; a step is a batch of problems."""

    kind: Literal["evaluate"] = "evaluate"

    split: Literal["heldout", "train", "both"] = "heldout"
    """Half of the problem set that is asked. Problems the model was trained on are left out in any case."""

    problems: int = Field(default=0, ge=0)
    """Problems asked, chosen by the seed as in training; 0 asks all."""

    samples: int = Field(default=8, ge=1, le=1024)
    """Sampled answers to each problem (n); pass@k is known for every k up to it."""

    temperature: float = Field(default=1.0, gt=0, le=5)
    """Temperature of the sampled answers."""

    top_p: float = Field(default=1.0, gt=0, le=1)
    """Smallest set of tokens whose probability reaches this; 1 keeps all."""

    top_k: int = Field(default=0, ge=0)
    """Only the k likeliest tokens; 0 keeps all."""

    max_tokens: int = Field(default=96, ge=1, le=131_072)
    """Longest answer."""

    greedy: bool = True
    """Ask for one greedy answer beside the sampled ones; it counts for nothing but its own figure."""

    search: SearchConfig | None = None
    """Test-time search: grow a tree for each problem and count the trajectories it records; empty samples directly.
    The verifier, which knows the reference answers, guides the tree: its pass figures cannot be compared with those of
    plain sampling, and it samples many more tokens than its answers have."""

    agentic: AgenticConfig = AgenticConfig()

    learned: LearnedRewardConfig = LearnedRewardConfig()
    """A reward model that scores every answer, to show what picking the best of n by it is worth; right stays right."""

    prompts_per_batch: int = Field(default=32, ge=1, le=MOST_SEQUENCES)
    """Problems answered at a time. After a kill, whole batches are kept."""

    max_rows: int = Field(default=512, ge=1, le=65_536)
    """Most answers decoded at once; more wait their turn."""

    verifier_timeout_s: float = Field(default=3.0, gt=0, le=120)
    """Longest time one answer may take to verify."""

    @property
    def answers(self) -> int:
        """Answers to each problem, the greedy one included."""
        return self.samples + self.greedy

    @model_validator(mode="after")
    def _steps_fill_the_response(self) -> Self:
        if self.search is not None and self.search.step == "tokens" and self.max_tokens % self.search.max_depth:
            raise unequal_steps(self.max_tokens, self.search.max_depth, "max_tokens")
        return self

    @model_validator(mode="after")
    def _samples_are_scored_as_they_are(self) -> Self:
        if self.learned.enabled and self.search is not None:
            raise impossible(
                "the best of n is picked among independent samples, and a search gives none",
                {"search": None},
                {"learned.model.kind": "none"},
            )
        if self.learned.anchored:
            raise impossible(
                "an evaluation has no reference to compare rewards with; which answer is best does not depend on it",
                {"learned.transform": "none"},
            )
        return self

    @model_validator(mode="after")
    def _a_search_calls_no_tools(self) -> Self:
        if self.search is not None and self.agentic.enabled:
            raise impossible(
                "a search grows single turns, and runs no tools", {"agentic.enabled": False}, {"search": None}
            )
        return self
