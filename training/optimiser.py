"""One optimiser update: sum the gradients of all processes, bound their norm, take an AdamW step."""

import math
from typing import Any

import torch
from torch import nn
from torch.distributed.tensor import DTensor

from training.config import OptimisationConfig
from training.distributed import Processes
from training.schedule import learning_rate
from training.sharding import gathered, sliced


class Optimiser:
    """Fused AdamW with the config's schedule. Matrices decay, biases and norms do not."""

    def __init__(
        self, model: nn.Module, config: OptimisationConfig, total_steps: int, processes: Processes | None = None
    ) -> None:
        self._parameters = [parameter for parameter in model.parameters() if parameter.requires_grad]
        self._config = config
        self._total_steps = total_steps
        self._processes = processes or Processes()
        self._sharded = any(isinstance(parameter, DTensor) for parameter in self._parameters)
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
        if not self._sharded:  # slices have been summed on the way back
            self._processes.sum_gradients(self._parameters)
        total = nn.utils.clip_grad_norm_(self._parameters, self._config.max_grad_norm)
        norm = float(total.full_tensor() if isinstance(total, DTensor) else total)
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
        """Moments and counts, to be saved: the same however many processes share the weights.

        Where they do, all ask at the same time, and the first gets the moments.
        """
        state: dict[str, Any] = gathered(self._adamw.state_dict(), keep=self._processes.is_first)
        return state

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Continue from a saved state."""
        if self._sharded:
            parameters = [parameter for group in self._adamw.param_groups for parameter in group["params"]]
            state = state | {"state": {i: _sliced(of_one, parameters[i]) for i, of_one in state["state"].items()}}
        self._adamw.load_state_dict(state)


def _sliced(state: dict[str, Any], parameter: DTensor) -> dict[str, Any]:
    """The moments of this process's slice of a weight, and its counts."""
    shape = parameter.shape
    return {name: sliced(value, parameter) if value.shape == shape else value for name, value in state.items()}
