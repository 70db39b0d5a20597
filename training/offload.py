"""Frozen models that wait in host memory: their weights are on the training device only while somebody asks them.

Frozen weights change nowhere but here, so nothing is ever carried back: the copy on the device is let go.
"""

from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch import Tensor, nn

HOST = torch.device("cpu")


class FrozenWeights:
    """Where the weights of a frozen model are: always on `device`, or, with `offload`, there only within `in_use`."""

    def __init__(self, model: nn.Module, device: torch.device, offload: bool) -> None:
        """With `offload` the weights are in host memory from now on."""
        self._device = device
        self._users = 0
        self._parameters = list(model.parameters()) if offload else []
        self._waiting = [to_host(parameter.data, device) for parameter in self._parameters]
        self._release()

    @contextmanager
    def in_use(self) -> Iterator[None]:
        """The model computes on its device until this ends; within another such, nothing more is moved."""
        if not self._users:
            self._fetch()
        self._users += 1
        try:
            yield
        finally:
            self._users -= 1
            if not self._users:
                self._release()

    def _fetch(self) -> None:
        for parameter, waiting in zip(self._parameters, self._waiting, strict=True):
            parameter.data = to_device(waiting, self._device)

    def _release(self) -> None:
        for parameter, waiting in zip(self._parameters, self._waiting, strict=True):
            parameter.data = waiting


def to_host(weights: Tensor, device: torch.device) -> Tensor:
    """The weights in host memory, from where `device` can fetch them without a detour."""
    waiting = weights.to(HOST)
    return waiting.pin_memory() if device.type == "cuda" else waiting


def to_device(weights: Tensor, device: torch.device) -> Tensor:
    """The weights on `device`; they themselves where that is the host."""
    return weights.to(device, non_blocking=True)
