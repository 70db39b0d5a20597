"""What training learns from: problems with their groups of responses, as sampled, scored, credited and trained on."""

from dataclasses import dataclass, field
from typing import TypeVar

import numpy as np
import numpy.typing as npt

from training.agent.trace import Trace
from training.batching import Example
from training.problems.types import Problem
from training.sampling.types import FinishReason
from training.search.growing import GrowingTree
from training.srl.tasks import Task

Floats = npt.NDArray[np.float32]
Scalar = TypeVar("Scalar", bound=np.generic)


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
    mask: npt.NDArray[np.bool_] | None = None
    """Where the model drew the token; elsewhere it was put there: what a tool said, and turn marks. None: everywhere.

    Tokens that were put there have 0 in all arrays, and nothing is learned from them."""
    trace: Trace | None = None
    """Of a response that may call tools: its turns and calls."""
    written: str | None = None
    """What the model wrote of the text, where others wrote too."""
    graded: str | None = None
    """What the verifier reads, where that is not the whole text."""
    weights_version: int | None = None
    """Of the weights that drew its first token; None of what another policy wrote, or where the group's are known."""

    # As scored
    parts: dict[str, float] = field(default_factory=dict)
    """Rewards by name, before weighting."""
    reward: float = 0.0
    correct: bool | None = None
    """None when the verifier could not tell."""
    extracted: str | None = None
    """The answer that was read off; of an expert's step, the step."""
    fault: str = ""
    """Of an expert's step: why none could be read off."""
    learned_heads: Floats | None = None
    """With a learned reward: what each head of the reward model says, [H]."""

    # As credited
    selected: bool = True
    """False where resample-on-correct left it out: it is shown, but has no part in the update."""
    advantage: float = 0.0
    """Of the whole response; the mean over its tokens where they differ."""
    token_advantages: Floats | None = None
    """Where the tokens of a response do not all have the same advantage."""
    cached: bool = False
    """A verified solution of an earlier policy, in place of a response of this one."""
    corrected: bool = False
    """Weighted in the loss by what its policy and this one think of it."""
    end: int | None = None
    """Node of the group's tree in which it ends."""

    # As trained on; None where the response took no part in an update
    logprobs: Floats | None = None
    """log π_old, by the trainer's own forward."""
    reference_logprobs: Floats | None = None
    ratios: Floats | None = None
    """π_θ / π_old at the update."""
    clipped: npt.NDArray[np.uint8] | None = None
    """1 where the lower clip removed the gradient, 2 where the upper or the dual clip did."""
    kl: Floats | None = None
    bounded: npt.NDArray[np.bool_] | None = None
    """Where its importance weight was cut or masked; None without such weights."""
    values: Floats | None = None
    """With a critic: the reward it expected before each token, when the step began."""
    returns: Floats | None = None
    """What it should have expected."""

    def __len__(self) -> int:
        return len(self.token_ids)

    @property
    def own_text(self) -> str:
        """What the model wrote."""
        return self.text if self.written is None else self.written

    @property
    def graded_text(self) -> str:
        """What the verifier reads."""
        return self.text if self.graded is None else self.graded

    @property
    def drawn(self) -> int:
        """Tokens that the model drew."""
        return len(self) if self.mask is None else int(self.mask.sum())

    def of_drawn(self, array: npt.NDArray[Scalar]) -> npt.NDArray[Scalar]:
        """The entries of an array [T] that belong to tokens the model drew."""
        return array if self.mask is None else array[self.mask]

    def spread(self, array: npt.NDArray[Scalar]) -> npt.NDArray[Scalar]:
        """The way back: an array [T] with 0 where the model drew nothing."""
        if self.mask is None:
            return array
        whole: npt.NDArray[Scalar] = np.zeros(len(self), array.dtype)
        whole[self.mask] = array
        return whole

    @property
    def advantages(self) -> Floats:
        """One for each token."""
        if self.token_advantages is not None:
            return self.token_advantages
        return self.spread(np.full(self.drawn, self.advantage, np.float32))

    @property
    def teaches(self) -> bool:
        """Whether any of its tokens has an advantage."""
        return bool(np.any(self.advantages))

    @property
    def truncated(self) -> bool:
        """Whether it was cut at the longest length instead of ending by itself."""
        return self.finish_reason == "length"


@dataclass(slots=True, eq=False)
class Expert:
    """What the responses of a group are compared with."""

    task: Task
    autojunk: bool = False
    tokens_beyond: int = 0
    """Tokens that were sampled after the ends of steps, and are no part of the responses."""


@dataclass(slots=True, eq=False)
class Group:
    """A problem and all responses to it under one version of the weights."""

    problem: Problem
    prompt_ids: list[int]
    rollouts: list[Rollout]
    weights_version: int = 0
    trained: bool = True
    """False where dynamic sampling, resample-on-correct, or the rule for trees of equal ends, dropped it."""
    search: GrowingTree | None = None
    """The tree that the rollouts were recorded in."""
    scores: list[npt.NDArray[np.float64]] = field(default_factory=list)
    """With a tree: what each step of each rollout was worth, as credited."""
    expert: Expert | None = None
    """Where an expert's step, or whole solution, is to be predicted."""

    @property
    def tokens_sampled(self) -> int:
        """What gathering it cost: of a search, all its tokens, recorded or not; cached solutions cost none."""
        beside = sum(rollout.drawn for rollout in self.rollouts if rollout.end is None and not rollout.cached)
        beyond = self.expert.tokens_beyond if self.expert is not None else 0
        return beside + beyond + (self.search.tokens if self.search is not None else 0)

    @property
    def rewards(self) -> list[float]:
        """One for each rollout."""
        return [rollout.reward for rollout in self.rollouts]

    @property
    def learned(self) -> list[Rollout]:
        """The rollouts that an update of the group is made of."""
        return [rollout for rollout in self.rollouts if rollout.selected]

    @property
    def examples(self) -> list[Example]:
        """One for each of those, to be trained on."""
        return [Example(self.prompt_ids, rollout.token_ids, rollout.mask) for rollout in self.learned]
