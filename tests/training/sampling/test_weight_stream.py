"""Weights over the network, between threads that are two sides of one group."""

import socket
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
import torch
from torch import Tensor

from training.sampling.decoder import EngineLostError
from training.sampling.vllm_weights import NetworkTransfer
from training.sampling.vllm_worker import EntropyExtension
from training.sampling.weight_stream import StreamBrokenError, WeightStream, host_store, join, visit_store

CPU = torch.device("cpu")
HERE = "127.0.0.1"
WEIGHTS = {
    "matrix": torch.randn(3, 4),
    "turned": torch.randn(4, 3).T,
    "half": torch.randn(5).to(torch.bfloat16),
    "scalar": torch.tensor(7.0),
    "empty": torch.zeros(0, 3),
}


class Workers:
    """Stands in for those of a server: what the trainer calls, they do."""

    def __init__(self) -> None:
        self.stream: WeightStream | None = None
        self.taken: list[dict[str, Tensor]] = []
        self.opened = 0
        self.fault: Exception | None = None

    def __call__(self, method: str, /, **arguments: Any) -> list[Any]:
        if method == "device_kind":
            return ["cpu"]
        if method == "open_stream":
            self.opened += 1
            assert not arguments["nccl"]
            store = visit_store(arguments["address"], arguments["port"])
            self.stream = join(store, 1, arguments["count"], CPU, arguments["address"])
            return [None]
        assert method == "take_stream"
        assert self.stream is not None
        if self.fault is not None:
            self.stream.close()  # as the end of a process does
            raise self.fault
        try:
            self.taken.append(dict(self.stream.receive()))
        except StreamBrokenError as error:
            raise ValueError(f"refused: 500 {error}") from error  # what becomes of a worker's faults on the way
        return [None]


@pytest.fixture
def server() -> Iterator[str]:
    """Something that can be reached."""
    with socket.create_server((HERE, 0)) as listening:
        yield f"http://{HERE}:{listening.getsockname()[1]}"


def test_what_arrives_is_what_was_sent(server: str) -> None:
    workers, transfer = Workers(), NetworkTransfer(server)
    transfer.send(workers, WEIGHTS.items())
    transfer.send(workers, ((name, value + 1) for name, value in WEIGHTS.items()))
    first, second = workers.taken
    assert first.keys() == WEIGHTS.keys()
    for name, value in WEIGHTS.items():
        assert first[name].dtype == value.dtype
        assert torch.equal(first[name], value)
        assert torch.equal(second[name], value + 1)
    assert workers.opened == 1


def test_a_server_that_was_started_anew_is_met_anew(server: str) -> None:
    workers, transfer = Workers(), NetworkTransfer(server)
    transfer.send(workers, WEIGHTS.items())
    transfer.forget()
    transfer.send(workers, WEIGHTS.items())
    assert (workers.opened, len(workers.taken)) == (2, 2)


def test_a_server_that_dies_while_weights_are_sent_is_lost(server: str) -> None:
    workers, transfer = Workers(), NetworkTransfer(server)
    workers.fault = EngineLostError(server, "killed")
    with pytest.raises(EngineLostError, match="killed"):
        transfer.send(workers, ((str(number), torch.zeros(200_000)) for number in range(100)))
    workers.fault = None
    transfer.send(workers, WEIGHTS.items())
    assert workers.opened == 2


def test_weights_that_cannot_be_made_do_not_keep_the_server_waiting(server: str) -> None:
    workers, transfer = Workers(), NetworkTransfer(server)

    def weights() -> Iterator[tuple[str, Tensor]]:
        yield "one", torch.zeros(3)
        raise ValueError("no memory for the second")

    with pytest.raises(ValueError, match="no memory"):
        transfer.send(workers, weights())
    transfer.send(workers, WEIGHTS.items())
    assert len(workers.taken) == 1


def test_a_server_that_cannot_be_reached_is_lost() -> None:
    with pytest.raises(EngineLostError, match="does not answer"):
        NetworkTransfer("http://127.0.0.1:9").send(Workers(), WEIGHTS.items())


def test_a_name_longer_than_a_header_is_refused() -> None:
    store = host_store()
    with ThreadPoolExecutor(1) as thread:
        other = thread.submit(lambda: join(visit_store(HERE, store.port), 1, 2, CPU, HERE))
        stream = join(store, 0, 2, CPU, HERE)
        with pytest.raises(ValueError, match="too long"):
            stream.send([("x" * 2000, torch.zeros(1))])
        other.result().close()
    stream.close()


class Worker(EntropyExtension):
    """As vLLM makes one of what it is given."""

    rank = 0
    weight_stream: WeightStream


def test_a_worker_that_meets_another_trainer_leaves_the_one_before() -> None:
    worker, met = Worker(), []
    for _ in range(2):
        store = host_store()
        with ThreadPoolExecutor(1) as thread:
            other = thread.submit(worker.open_stream, HERE, store.port, 2, False)
            trainer = join(store, 0, 2, CPU, HERE)
            other.result()
        met.append((trainer, worker.weight_stream))
    (trainer, left), (_, there) = met
    assert left._group is None
    assert there._group is not None
    with pytest.raises(StreamBrokenError):
        trainer.send([("one", torch.zeros(3))])
    for one, other in met:
        one.close()
        other.close()
