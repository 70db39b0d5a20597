"""The processes of a run once more, for a second thread of each, which speaks to its like beside the first threads.

What such threads tell each other has a channel of its own. Before anything is exchanged, each says that it is there, or
that it will not come any more; then the others end, too, in place of waiting for ever.
"""

import time
from contextlib import suppress
from typing import Any, TypeVar

import torch.distributed as dist

from training.distributed import PATIENCE, Processes

Item = TypeVar("Item")

HERE, GONE = "here", "gone"
GLANCE_S = 0.01
"""Between two looks whether the others are there."""


class OthersEndedError(RuntimeError):
    """The thread of another process has ended, for a reason that its own process tells, and so must this one."""


class ProcessesBeside(Processes):
    """See `Processes`. All processes make one at the same time, each in its first thread."""

    def __init__(self, processes: Processes) -> None:
        super().__init__(processes.rank, processes.count)
        self._turn = 0
        self._ended = self._gives_up = False
        if self.count > 1:
            self._group: Any = dist.new_group(backend="gloo", timeout=PATIENCE)
            # A connection of its own: the first thread may be waiting on the other.
            self._store: Any = dist.distributed_c10d._get_default_store().clone()  # type: ignore[attr-defined]

    def gather(self, value: Item) -> list[Item]:
        """See `Processes`. Raises OthersEndedError."""
        if self.count == 1:
            return [value]
        self._await_all()
        values: list[Any] = [None] * self.count
        dist.all_gather_object(values, value, group=self._group)
        return values

    def wait(self) -> None:
        """See `Processes`."""
        self.gather(None)

    def end(self) -> None:
        """Say that nothing more comes from this process; in the second thread."""
        if self.count > 1 and not self._ended:
            self._ended = True
            with suppress(RuntimeError):  # nobody is left to be told
                self._store.set(self._place(self.rank), GONE)

    def give_up(self) -> None:
        """From the first thread, when this process fails: wait for nobody any more."""
        self._gives_up = True

    def _await_all(self) -> None:
        if self._ended:
            raise OthersEndedError("this process has said that nothing more comes from it")
        self._store.set(self._place(self.rank), HERE)
        for rank in range(self.count):
            place = self._place(rank)
            while not self._store.check([place]):
                if self._gives_up:
                    raise OthersEndedError("this process fails")
                time.sleep(GLANCE_S)
            if self._store.get(place).decode() != HERE:
                self._ended = True
                raise OthersEndedError(f"process {rank} has ended what it did beside training")
        if self._turn:  # which all have seen
            self._store.delete_key(self._place(self.rank, self._turn - 1))
        self._turn += 1

    def _place(self, rank: int, turn: int | None = None) -> str:
        return f"beside/{self._group.group_name}/{self._turn if turn is None else turn}/{rank}"
