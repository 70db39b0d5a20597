"""The critic of PPO: says of every token of a response, before it is drawn, what reward is still to come."""

from collections.abc import Mapping, Sequence
from typing import Any, Self

import torch
from torch import Tensor
from transformers import PreTrainedModel

from training.adapter import is_adapted, load_trained_state, trained_state
from training.batching import Example
from training.reward_model import SHIFT, RewardModel


class Critic:
    """A body of its own with one head, run as a reward model is: packed where the model allows it."""

    def __init__(self, model: RewardModel) -> None:
        """`model` has one head; its weights are the critic's from now on."""
        self._model = model

    @classmethod
    def from_policy(cls, policy: PreTrainedModel, dtype: str = "float32", four_bits: bool = False) -> Self:
        """The policy's body, copied, and a head of zeros: at first it expects nothing. `four_bits` as `RewardModel`."""
        model = RewardModel.from_policy(policy, heads=1, dtype=dtype, four_bits=four_bits)
        with torch.no_grad():
            model.model.score.weight.zero_()
        return cls(_unshifted(model, 0.0))

    @classmethod
    def from_reward_model(
        cls, source: RewardModel, dtype: str = "float32", scale: float = 1.0, four_bits: bool = False
    ) -> Self:
        """A reward model's body and head, copied; of several heads their mean, times `scale`."""
        model = RewardModel.from_policy(source.model, heads=1, dtype=dtype, four_bits=four_bits)
        with torch.no_grad():
            model.model.score.weight.copy_(scale * source.model.score.weight.mean(dim=0, keepdim=True))
        return cls(_unshifted(model, scale * float(source.shift.mean())))

    @property
    def packed(self) -> bool:
        """Whether it runs packed."""
        return self._model.packed

    @property
    def learner(self) -> RewardModel:
        """What runs and trains it."""
        return self._model

    @property
    def module(self) -> PreTrainedModel:
        """The model."""
        return self._model.model

    def values(self, examples: Sequence[Example]) -> Tensor:
        """Float32 [N]: the value of the state that each of the N response tokens is drawn in."""
        return self._model.at_tokens(examples)[:, 0]

    def state_dict(self) -> dict[str, Any]:
        """The weights; beside an adapter those that are trained, and of shards in the first process only."""
        if self._model.shards is not None:
            return self._model.shards.state_dict()
        return trained_state(self.module) if is_adapted(self.module) else dict(self.module.state_dict())

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Take other weights."""
        if self._model.shards is not None:
            self._model.shards.load_state_dict(state)
        elif is_adapted(self.module):
            load_trained_state(self.module, state)
        else:
            self.module.load_state_dict(state)


def _unshifted(model: RewardModel, shift: float) -> RewardModel:
    """The model, whose outputs are shifted by this much and no more."""
    setattr(model.model.config, SHIFT, [shift])
    return model
