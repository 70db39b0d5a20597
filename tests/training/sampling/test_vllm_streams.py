"""Streams of a server that is lost: told once, to those whose streams they were."""

import socket
import time
from collections.abc import AsyncIterator, Iterator

import httpx2
import pytest

from tests.training.sampling.stand_in import stand_in
from training.sampling.decoder import EngineLostError, Order, Progress
from training.sampling.types import SamplingParams
from training.sampling.vllm_streams import ATTEMPTS, TokenStreams

PARAMS = SamplingParams(n=1, max_tokens=4, temperature=1.0, stop_ids=(), seed=0)


@pytest.fixture
def streams() -> Iterator[TokenStreams]:
    """To a port at which nobody listens."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{free.getsockname()[1]}"
    made = TokenStreams(url, 1.0)
    yield made
    made.close()


def until_arrived(streams: TokenStreams) -> None:
    deadline = time.monotonic() + 60
    while streams._arrived.empty() and time.monotonic() < deadline:
        time.sleep(0.01)


def test_what_came_before_a_loss_is_told_first_and_the_loss_once(streams: TokenStreams) -> None:
    progress = Progress(1, [4], [-0.5], [0.3])
    streams._arrived.put(progress)
    streams._arrived.put(EngineLostError("somewhere", "gone"))
    assert streams.step() == [progress]
    streams.add(Order(2, (1, 2), PARAMS, 0, "salt"))  # before its caller knows
    until_arrived(streams)
    with pytest.raises(EngineLostError, match="gone"):
        streams.step()
    assert streams.step() == []


def test_a_request_whose_connection_breaks_before_its_first_token_is_made_again(streams: TokenStreams) -> None:
    tries = []

    async def breaking(order: Order, label: str, attempt: int) -> AsyncIterator[Progress]:
        tries.append(streams._body(order, attempt)["request_id"].partition("-")[2])
        if len(tries) < ATTEMPTS:
            raise httpx2.ReadError("reset by peer")
        yield Progress(order.key, [5], [-0.1], [0.2], "length")
        raise httpx2.ReadError("with the second piece")

    streams._progress = breaking  # type: ignore[method-assign]
    streams.add(Order(1, (1, 2), PARAMS, 0, "salt"))
    told: list[Progress] = []

    def listen() -> None:
        while len(told) < 2:
            told.extend(streams.step())

    with pytest.raises(EngineLostError, match="second piece"):  # tokens that were told cannot be drawn again
        listen()
    assert [progress.token_ids for progress in told] == [[5]]
    assert tries == ["1-0", "1-1", "1-2"]  # the first may still be there


def test_a_loss_that_nobody_waits_for_any_more_is_not_told_to_those_who_come_later(streams: TokenStreams) -> None:
    streams.add(Order(1, (1, 2), PARAMS, 0, "salt"))
    until_arrived(streams)
    streams.abort([1])
    assert streams.step() == []
    progress = Progress(2, [4], [-0.5], [0.3])
    streams._arrived.put(progress)
    streams._arrived.put(EngineLostError("somewhere", "gone"))
    assert streams.step() == [progress]
    streams.abort([2])
    assert streams.step() == []


def test_a_server_that_is_not_there_is_lost(streams: TokenStreams) -> None:
    streams.add(Order(1, (1, 2), PARAMS, 0, "salt"))
    until_arrived(streams)
    with pytest.raises(EngineLostError, match="does not answer"):
        streams.step()


def test_tokens_of_other_weights_are_none_of_the_run() -> None:
    with stand_in(50) as (server, url):
        streams = TokenStreams(url, 5.0)
        server.label = "run-3"
        streams.add(Order(1, (1, 2), PARAMS, 0, "salt"), "run-3")
        until_arrived(streams)
        assert [progress.finish_reason for progress in streams.step()] == ["length"]
        streams.add(Order(2, (1, 2), PARAMS, 0, "salt"), "run-4")
        until_arrived(streams)
        with pytest.raises(RuntimeError, match="started anew meanwhile"):
            streams.step()
        streams.close()
