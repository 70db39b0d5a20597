"""One optimiser update: sum the gradients of all processes, bound their norm, take an AdamW step."""

import math
from typing import Any

import torch
from torch import nn

from training.config import OptimisationConfig
from training.distributed import Processes
from training.schedule import learning_rate


class Optimiser:
    """Fused AdamW with the config's schedule. Matrices decay, biases and norms do not."""

    def __init__(
        self, model: nn.Module, config: OptimisationConfig, total_steps: int, processes: Processes | None = None
    ) -> None:
        self._parameters = [parameter for parameter in model.parameters() if parameter.requires_grad]
        self._config = config
        self._total_steps = total_steps
        self._processes = processes or Processes()
        matrices = [parameter for parameter in self._parameters if parameter.ndim >= 2]
        others = [parameter for parameter in self._parameters if parameter.ndim < 2]
        self._adamw = torch.optim.AdamW(
            [{"params": matrices, "weight_decay": config.weight_decay}, {"params": others, "weight_decay": 0.0}],
            lr=config.learning_rate,
            betas=(config.beta1, config.beta2),
            fused=True,
        )

    def update(self, step: int) -> float:
        """Apply the accumulated gradients at the rate of training step `step`, and clear them.

        Returns the norm before clipping. When it is not finite the weights stay as they are: one bad batch must not
        destroy the run.
        """
        for parameter in self._parameters:
            if parameter.grad is None:  # no share in this update, or no signal in it: a gradient of zero all the same
                parameter.grad = torch.zeros_like(parameter)
        self._processes.sum_gradients(self._parameters)
        norm = float(nn.utils.clip_grad_norm_(self._parameters, self._config.max_grad_norm))
        if math.isfinite(norm):
            for group in self._adamw.param_groups:
                group["lr"] = self.rate(step)
            self._adamw.step()
        self._adamw.zero_grad(set_to_none=True)
        return norm

    def rate(self, step: int) -> float:
        """Learning rate of a training step."""
        return learning_rate(step, self._total_steps, self._config)

    def state_dict(self) -> dict[str, Any]:
        """Moments and counts, to be saved."""
        return self._adamw.state_dict()

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Continue from a saved state."""
        self._adamw.load_state_dict(state)
