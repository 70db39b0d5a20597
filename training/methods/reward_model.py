"""Training of a reward model: people's rankings become likely under the differences of its rewards."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from training.algorithms.preferences import PairBatch, TieRule, preference_loss
from training.batching import Example, micro_batches
from training.config import RewardModelMethod
from training.methods.preferences import PreferenceTraining
from training.methods.ranked_items import RankedItem
from training.reward_model import RewardModel


def tie_rule(config: RewardModelMethod) -> TieRule:
    """What the config says of ties."""
    parameter = {"rao_kupper": config.theta, "davidson": config.nu}.get(config.ties)
    return TieRule(config.ties, parameter)


class RewardModelTraining(PreferenceTraining):
    """InstructGPT's: all pairs of a prompt are one element of the batch, and each response is read once.

    Rewards are trained as they come. Where they leave the trainer, in a checkpoint or a report, what they are on
    average on the reference responses is taken off.
    """

    def __init__(
        self, config: RewardModelMethod, model: RewardModel, references: Sequence[Example], *parts: Any
    ) -> None:
        self._method = config
        self._model = model
        self._references = references
        self.rule = tie_rule(config)
        super().__init__(config, *parts, learner=model, padded=not model.packed)

    def save_model(self, folder: Path) -> None:
        """Write the model with the shift of now. Only one process is asked to."""
        with torch.no_grad():
            if (shift := self._shift()) is not None:
                self._model.shift_to_zero(shift[None])
            self._model.save(folder)
            self._model.drop_shift()

    def _rewards(self, items: Sequence[RankedItem]) -> Tensor:
        return self._model.rewards([example for item in items for example in item.examples])

    def _loss(self, rewards: Tensor, pairs: PairBatch, items: int) -> Tensor:
        return preference_loss(rewards, pairs, self.rule, centering=self._method.centering, total=items)

    def _shift(self) -> Tensor | None:
        if not self._references:
            return None
        rewards = torch.zeros(len(self._references), self._model.heads)
        for places in micro_batches(self._references, self._micro_batch_tokens, padded=self._padded):
            found = self._model.rewards([self._references[place] for place in places])
            rewards[places] = found.detach().to("cpu", torch.float32)
        return rewards.mean(0)

    def _score(self, metrics: dict[str, float]) -> float | None:
        return metrics.get("heldout/preference_accuracy")
