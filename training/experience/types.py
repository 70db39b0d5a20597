"""What training learns from: problems with their groups of responses, as sampled, scored, credited and trained on."""

from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from training.batching import Example
from training.problems.types import Problem
from training.sampling.types import FinishReason

Floats = npt.NDArray[np.float32]


@dataclass(slots=True, eq=False)
class Rollout:
    """One response of T tokens. Arrays are [T]."""

    # As sampled
    token_ids: list[int]
    text: str
    finish_reason: FinishReason
    sampler_logprobs: Floats
    """log π of each token in the distribution it was drawn from."""
    entropies: Floats
    """Entropy of that distribution, nats."""
    greedy: bool = False
    """Whether each token was the likeliest, not drawn."""

    # As scored
    parts: dict[str, float] = field(default_factory=dict)
    """Rewards by name, before weighting."""
    reward: float = 0.0
    correct: bool | None = None
    """None when the verifier could not tell."""
    extracted: str | None = None

    # As credited
    advantage: float = 0.0

    # As trained on; None where the response took no part in an update
    logprobs: Floats | None = None
    """log π_old, by the trainer's own forward."""
    reference_logprobs: Floats | None = None
    ratios: Floats | None = None
    """π_θ / π_old at the update."""
    clipped: npt.NDArray[np.uint8] | None = None
    """1 where the lower clip removed the gradient, 2 where the upper or the dual clip did."""
    kl: Floats | None = None

    def __len__(self) -> int:
        return len(self.token_ids)

    @property
    def truncated(self) -> bool:
        """Whether it was cut at the longest length instead of ending by itself."""
        return self.finish_reason == "length"


@dataclass(slots=True, eq=False)
class Group:
    """A problem and all responses to it under one version of the weights."""

    problem: Problem
    prompt_ids: list[int]
    rollouts: list[Rollout]
    weights_version: int = 0
    trained: bool = True
    """False where dynamic sampling dropped it."""

    @property
    def rewards(self) -> list[float]:
        """One for each rollout."""
        return [rollout.reward for rollout in self.rollouts]

    @property
    def examples(self) -> list[Example]:
        """One for each rollout, to be trained on."""
        return [Example(self.prompt_ids, rollout.token_ids) for rollout in self.rollouts]
