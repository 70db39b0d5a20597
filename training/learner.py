"""A model that a run trains: every process has all of it, or each its slices."""

from abc import ABC, abstractmethod
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

import torch
from torch import nn
from transformers import PreTrainedModel

from training.adapter import save_model
from training.distributed import Processes
from training.sharding import ShardedModel, Slices

Result = TypeVar("Result")


class Learner(ABC):
    """What policies and reward models have in common."""

    model: PreTrainedModel
    """What samples and is asked without gradients; of a model that is shared out, whole only while it is gathered."""
    device: torch.device
    """Where it computes."""
    shards: Slices | None = None
    """What this process has of it, where it is shared out."""
    packed: bool
    """Whether it runs packed."""
    _apart: bool = True
    """Whether its head is run apart from its body."""
    _dtype: torch.dtype

    def shard(self, processes: Processes, device: torch.device, precise: nn.Module | None = None) -> None:
        """Share the model out among the processes, to compute on `device` from now on, `precise` in float32.

        It is the first process's; of the others', frames will do, and how it runs they are told.
        """
        self.packed, self._apart = processes.told_by_first((self.packed, self._apart))
        self.shards = ShardedModel(self.model, processes, device, self._dtype, precise)
        self.model, self.device = self.shards.whole, device

    @property
    def trained(self) -> nn.Module:
        """The module whose parameters learn."""
        return self.shards.trained if isinstance(self.shards, ShardedModel) else self.model

    def save(self, folder: Path) -> None:
        """Write a Hugging Face folder. Of shards what was fetched before is written."""
        if self.shards is not None:
            self.shards.save(folder)
        else:
            save_model(self.model, folder)

    @abstractmethod
    def take_part(self) -> None:
        """Make a learning pass with nothing to learn, beside other processes' passes over a model they share."""

    def _in_pass(self, compute: Callable[[PreTrainedModel], Result]) -> Result:
        """What `compute` makes of the model; with gradients, of what the processes bring together for it."""
        if isinstance(self.shards, ShardedModel) and torch.is_grad_enabled():
            return self.shards.learning(compute)
        return compute(self.model)
