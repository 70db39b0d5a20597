"""Weights from a trainer straight to the workers of a vLLM server, over the network: NCCL between GPUs, else gloo.

The trainer is number 0 of a group of its own, a server's workers are the others. Each tensor is announced by a header,
so that neither side needs to know beforehand what comes, and a model that is gathered piece by piece is never whole
anywhere but in the server.
"""

import json
import socket
from collections.abc import Iterable, Iterator
from datetime import timedelta
from typing import Any

import torch
from torch import Tensor
from torch import distributed as dist
from torch._C._distributed_c10d import Store, TCPStore

HEADER_BYTES = 1024
OPENING = timedelta(seconds=60)
"""For the others to come at all."""
PATIENCE = timedelta(seconds=600)
"""For the others to come to a broadcast: the next weights may have to be gathered first."""


class StreamBrokenError(ConnectionError):
    """The other side is gone, or does not come."""


class WeightStream:
    """One side of a group. Everything is broadcast by number 0, and waited for.

    `device` is where what is sent has to lie: the GPU with NCCL, else the CPU.
    """

    def __init__(self, group: Any, device: torch.device) -> None:
        self._group = group
        self._device = device

    def send(self, weights: Iterable[tuple[str, Tensor]]) -> None:
        """Give away weights. Raises StreamBrokenError, and ValueError for a name longer than a header."""
        for name, value in weights:
            self._broadcast(_header({"name": name, "dtype": str(value.dtype)[6:], "shape": list(value.shape)}))
            self._broadcast(value.detach())
        self._broadcast(_header({}))

    def receive(self) -> Iterator[tuple[str, Tensor]]:
        """What is sent, one tensor after another. Raises StreamBrokenError."""
        while told := _told(self._broadcast(torch.zeros(HEADER_BYTES, dtype=torch.uint8))):
            empty = torch.empty(told["shape"], dtype=getattr(torch, told["dtype"]), device=self._device)
            yield told["name"], self._broadcast(empty)

    def close(self) -> None:
        """Leave the group: the others' broadcasts fail from then on."""
        group, self._group = self._group, None  # gloo closes its connections with the last reference
        if group is not None:
            group.abort()  # NCCL's way, from any thread

    def _broadcast(self, value: Tensor) -> Tensor:
        if (group := self._group) is None:
            raise StreamBrokenError("the stream of weights is closed")
        there = value.to(self._device).contiguous()
        try:
            if there.numel():
                group.broadcast(there.view(-1).view(torch.uint8), 0).wait()
        except RuntimeError as error:
            raise StreamBrokenError(f"weights cannot be sent: {error}") from error
        if there.is_cuda:
            torch.cuda.synchronize(there.device)
        return there


def host_store() -> TCPStore:
    """Where a group meets: in this process, at a free port, for those who know it while it is open."""
    return TCPStore("0.0.0.0", 0, is_master=True, timeout=OPENING, wait_for_workers=False)  # noqa: S104


def visit_store(address: str, port: int) -> TCPStore:
    """The store that another process hosts. Raises StreamBrokenError."""
    try:
        return TCPStore(address, port, is_master=False, timeout=OPENING)
    except RuntimeError as error:
        raise StreamBrokenError(f"nothing answers at {address}:{port}: {error}") from error


def join(store: Store, rank: int, count: int, device: torch.device, address: str) -> WeightStream:
    """Meet the others, as number `rank` of `count`. `address` is that of this machine, by which they reach it.

    Raises StreamBrokenError when they do not come.
    """
    try:
        if device.type == "cuda":
            torch.cuda.set_device(device)
            options: Any = dist.ProcessGroupNCCL.Options()
            options._timeout = OPENING
            group: Any = dist.ProcessGroupNCCL(store, rank, count, options)
            group.broadcast(torch.zeros(1, device=device), 0).wait()  # the others are met at the first broadcast only
            torch.cuda.synchronize(device)
        else:
            options = dist.ProcessGroupGloo._Options()  # type: ignore[attr-defined]
            options._devices = [dist.ProcessGroupGloo.create_device(hostname=address)]
            options._timeout = OPENING
            group = dist.ProcessGroupGloo(store, rank, count, options)
        group._set_default_timeout(PATIENCE)
    except RuntimeError as error:
        raise StreamBrokenError(f"no stream of weights can be opened: {error}") from error
    return WeightStream(group, device)


def address_towards(host: str, port: int) -> str:
    """The address of this machine by which the one at `host` reaches it. Raises OSError when that does not answer."""
    with socket.create_connection((host, port), timeout=10) as connection:
        return str(connection.getsockname()[0])


def _header(told: dict[str, Any]) -> Tensor:
    said = json.dumps(told).encode()
    if len(said) > HEADER_BYTES:
        raise ValueError(f"a weight's name is too long to be sent: {told['name'][:100]}...")
    return torch.frombuffer(bytearray(said.ljust(HEADER_BYTES)), dtype=torch.uint8)


def _told(header: Tensor) -> dict[str, Any]:
    told: dict[str, Any] = json.loads(bytes(header.cpu().numpy()).decode())
    return told
