"""What second threads of a run's processes tell each other: in threads here, over a store that is a dictionary."""

import threading
from collections.abc import Callable
from concurrent.futures import Future
from types import SimpleNamespace
from typing import Any

import pytest
from torch import distributed as dist

from training.beside import OthersEndedError, ProcessesBeside
from training.distributed import Processes

COUNT, LIMIT_S = 2, 30


class Store(dict[str, bytes]):
    """Stands in for torch's."""

    most = 0

    def clone(self) -> "Store":
        return self

    def set(self, key: str, value: str) -> None:
        self[key] = value.encode()
        self.most = max(self.most, len(self))

    def check(self, keys: list[str]) -> bool:
        return all(key in self for key in keys)

    def delete_key(self, key: str) -> None:
        del self[key]

    get = dict.__getitem__  # type: ignore[assignment]


Made = tuple[Store, list[ProcessesBeside]]


@pytest.fixture
def made(monkeypatch: pytest.MonkeyPatch) -> Made:
    """The store, and what each process has."""
    store, told, met = Store(), dict[int, Any](), threading.Barrier(COUNT, timeout=LIMIT_S)

    def all_gather_object(values: list[Any], value: Any, group: Any) -> None:
        told[value[0]] = value  # each says its rank first
        met.wait()
        values[:] = [told[rank] for rank in range(COUNT)]
        met.wait()

    monkeypatch.setattr(dist, "new_group", lambda **_: SimpleNamespace(group_name="beside"))
    monkeypatch.setattr(dist.distributed_c10d, "_get_default_store", lambda: store)
    monkeypatch.setattr(dist, "all_gather_object", all_gather_object)
    return store, [ProcessesBeside(Processes(rank, COUNT)) for rank in range(COUNT)]


def beside(work: Callable[[], Any]) -> "Future[Any]":
    """In a thread of its own, which nobody has to wait for, and which is under way when this returns."""
    begun, found = threading.Event(), Future[Any]()

    def run() -> None:
        begun.set()
        try:
            found.set_result(work())
        except BaseException as error:
            found.set_exception(error)

    threading.Thread(target=run, daemon=True).start()
    assert begun.wait(LIMIT_S)
    return found


def test_each_hears_what_all_said_and_the_store_keeps_next_to_nothing(made: Made) -> None:
    store, processes = made

    def talk(rank: int) -> list[Any]:
        return [processes[rank].gather((rank, turn)) for turn in range(20)]

    found = [each.result(LIMIT_S) for each in [beside(lambda rank=rank: talk(rank)) for rank in range(COUNT)]]  # type: ignore
    assert found[0] == found[1] == [[(0, turn), (1, turn)] for turn in range(20)]
    assert store.most <= 3 * COUNT


@pytest.mark.parametrize("waits", [0, 1])
def test_who_waits_for_one_that_ends_ends_too(made: Made, waits: int) -> None:
    _, processes = made
    ends = processes[1 - waits]
    waiting = beside(lambda: processes[waits].gather((waits, "here")))
    ends.end()
    with pytest.raises(OthersEndedError, match=f"process {1 - waits} has ended"):
        waiting.result(LIMIT_S)
    with pytest.raises(OthersEndedError):  # at once: nobody comes any more
        processes[waits].gather((waits, "again"))
    with pytest.raises(OthersEndedError, match="nothing more comes"):
        ends.gather((1 - waits, "after its end"))


def test_a_process_that_fails_waits_for_nobody_and_tells_the_others(made: Made) -> None:
    _, processes = made
    waiting = beside(lambda: processes[0].gather((0, "here")))
    processes[0].give_up()
    with pytest.raises(OthersEndedError, match="this process fails"):
        waiting.result(LIMIT_S)
    processes[0].end()  # as whoever gathers ahead does then
    with pytest.raises(OthersEndedError, match="process 0 has ended"):
        processes[1].gather((1, "here"))
