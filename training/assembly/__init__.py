"""Builds a run's training method out of its parts: the one place that knows what each method is made of."""

from contextlib import ExitStack

from training.assembly.learned import answer_scores, learned_reward, reference_of
from training.assembly.parts import Parts
from training.assembly.ppo import ppo
from training.assembly.preferences import RewardParts, dpo, reward_model
from training.assembly.rl import deepsearch, grpo
from training.assembly.sampling import answerable, sampled_experience, sampling_engine, search_engine
from training.assembly.srl import srl, step_groups
from training.assembly.supervised import sft
from training.config import (
    DeepSearchMethod,
    DpoMethod,
    GrpoMethod,
    PpoMethod,
    RewardModelMethod,
    SftMethod,
    SrlMethod,
)
from training.errors import InputError
from training.methods.reward_model import RewardModelTraining
from training.methods.types import Method

__all__ = [
    "Parts",
    "RewardParts",
    "answer_scores",
    "answerable",
    "build_method",
    "build_reward_model",
    "learned_reward",
    "reference_of",
    "sampled_experience",
    "sampling_engine",
    "search_engine",
    "step_groups",
]


def build_method(parts: Parts, stack: ExitStack) -> Method:
    """The method that the config names; what it has to close is closed with `stack`.

    Raises InputError when the problems do not suit it.
    """
    method = parts.config.method
    if isinstance(method, SftMethod):
        return sft(parts, method, stack)
    if isinstance(method, DeepSearchMethod):
        return deepsearch(parts, method, stack)
    if isinstance(method, GrpoMethod):
        return grpo(parts, method, stack)
    if isinstance(method, SrlMethod):
        return srl(parts, method, stack)
    if isinstance(method, PpoMethod):
        return ppo(parts, method, stack)
    if isinstance(method, DpoMethod):
        return dpo(parts, method, stack)
    raise InputError(f"the method {method.kind} does not train")


def build_reward_model(parts: RewardParts) -> RewardModelTraining:
    """Training of a reward model. Raises InputError when there are no labels to learn from."""
    method = parts.config.method
    assert isinstance(method, RewardModelMethod)  # whoever made the parts looked
    return reward_model(parts, method)
