"""Methods on the built-in model, put together in this process."""

from contextlib import ExitStack
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from tests.training.runs import tiny_config
from training.assembly import Parts, build_method
from training.config import RunConfig
from training.distributed import Processes
from training.methods.types import Method
from training.optimiser import Optimiser
from training.recorder import Recorder
from training.reward_model import RewardModel
from training.sources import load_model, load_problems


class WatchedOptimiser(Optimiser):
    """Remembers the gradient of each update."""

    gradients: list[Tensor]

    def update(self, step: int) -> float:
        self.gradients = [*getattr(self, "gradients", []), flat_gradient(self._parameters)]
        return super().update(step)


def flat_gradient(parameters: list[Any]) -> Tensor:
    """All gradients in one vector."""
    return torch.cat([parameter.grad.flatten() for parameter in parameters])


def reward_model_folder(path: Path, heads: int = 1, seed: int = 0) -> Path:
    """A reward model of the built-in model's body with untrained heads, stored with its tokenizer."""
    model, tokenizer = load_model(RunConfig(), torch.device("cpu"))
    RewardModel.from_policy(model, heads, seed).save(path)
    tokenizer.save_pretrained(path)
    return path


def build(stack: ExitStack, **changes: Any) -> tuple[Parts, Method]:
    """Parts and method of a tiny config with these changes."""
    torch.set_num_threads(1)
    config = RunConfig.model_validate(tiny_config(**changes))
    problems = load_problems(config, Path())
    parts = Parts.of(config, problems, *load_model(config, torch.device("cpu")), Recorder(), Processes())
    optimiser = WatchedOptimiser(parts.policy.model, config.optimisation, config.steps)
    parts = Parts(**{name: getattr(parts, name) for name in Parts.__slots__} | {"optimiser": optimiser})
    return parts, build_method(parts, stack)
