"""This process among the processes of a run, and the little they tell each other.

Every process knows the whole batch: each samples and scores its share, the shares are gathered everywhere, each
computes gradients for a share again, and those are summed. Losses are weighted for the whole update beforehand, so the
sum is what one process would have computed. The environment variables are torchrun's.
"""

import os
from collections.abc import Iterable, Sequence
from datetime import timedelta
from typing import Any, TypeVar

import torch
from torch import Tensor
from torch import distributed as dist

Item = TypeVar("Item")

PATIENCE = timedelta(hours=24)
"""Longest wait for the others. One may search far longer than torch's own 10 or 30 minutes while the others are done;
of a process that has died one need not learn by waiting: `training.launch` and torchrun end them all."""

BUCKET_ELEMENTS = 2**23
"""Numbers sent at once (32 MiB in float32), which are copied beforehand; what is larger is sent as it is."""


class Processes:
    """One of `count` processes, number `rank`. With one process nothing is ever sent."""

    def __init__(self, rank: int = 0, count: int = 1) -> None:
        self.rank = rank
        self.count = count

    @classmethod
    def join(cls, device: torch.device) -> "Processes":
        """Meet the others that the environment names; alone when it names none."""
        rank, count = int(os.environ.get("RANK", "0")), int(os.environ.get("WORLD_SIZE", "1"))
        if count > 1:
            backend = "nccl" if device.type == "cuda" else "gloo"
            dist.init_process_group(backend, rank=rank, world_size=count, timeout=PATIENCE)
        return cls(rank, count)

    @property
    def is_first(self) -> bool:
        """Whether this is the process that writes events and checkpoints."""
        return self.rank == 0

    def share(self, items: Sequence[Item]) -> list[Item]:
        """Every `count`-th item, beginning with number `rank`."""
        return list(items[self.rank :: self.count])

    def gather(self, value: Item) -> list[Item]:
        """The values of all processes, in their order, on each of them."""
        if self.count == 1:
            return [value]
        values: list[Any] = [None] * self.count
        dist.all_gather_object(values, value)
        return values

    def told_by_first(self, value: Item) -> Item:
        """The value of the first process, on each of them."""
        if self.count == 1:
            return value
        values = [value]
        dist.broadcast_object_list(values, src=0)
        return values[0]

    def spread(self, tensor: Tensor) -> None:
        """Replace a tensor by the first process's; all have one of the same shape."""
        if self.count > 1:
            dist.broadcast(tensor, src=0)

    def unshare(self, items: Sequence[Item]) -> list[Item]:
        """What the processes made of their `share`s, in the order the whole had."""
        shares = self.gather(list(items))
        return [shares[i % self.count][i // self.count] for i in range(sum(map(len, shares)))]

    def in_step(self, batches: list[list[int]], together: bool) -> list[list[int]]:
        """The batches; where all must pass through the model `together`, with empty ones until all have as many."""
        if not together:
            return batches
        most = max(self.gather(len(batches)))
        return [*batches, *([] for _ in range(most - len(batches)))]

    def any(self, flag: bool) -> bool:
        """Whether it is so in any process."""
        return any(self.gather(flag))

    def sum_gradients(self, parameters: Iterable[Tensor]) -> None:
        """Replace every gradient by the sum over all processes; all have gradients of the same parameters."""
        if self.count == 1:
            return
        gradients = [parameter.grad for parameter in parameters if parameter.grad is not None]
        for bucket in buckets_of(gradients):
            if len(bucket) == 1 and bucket[0].is_contiguous():
                dist.all_reduce(bucket[0])
                continue
            flat = torch.cat([gradient.flatten() for gradient in bucket])
            dist.all_reduce(flat)
            sums = torch.split(flat, [gradient.numel() for gradient in bucket])
            for gradient, total in zip(bucket, sums, strict=True):
                gradient.copy_(total.view_as(gradient))

    def wait(self) -> None:
        """Go on when all have come here."""
        if self.count > 1:
            dist.barrier()

    def leave(self) -> None:
        """Say goodbye, so that no process waits for this one."""
        if self.count > 1 and dist.is_initialized():  # vLLM, where it ran, has taken it down
            dist.destroy_process_group()


def buckets_of(tensors: Iterable[Tensor]) -> list[list[Tensor]]:
    """Neighbours that are sent together: as many as fit, and what does not fit by itself."""
    buckets: list[list[Tensor]] = []
    room = 0
    for tensor in tensors:
        if not buckets or tensor.numel() > room:
            buckets.append([])
            room = BUCKET_ELEMENTS
        buckets[-1].append(tensor)
        room -= tensor.numel()
    return buckets
