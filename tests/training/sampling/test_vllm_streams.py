"""Streams of a server that is lost: told once, to those whose streams they were."""

import socket
import time
from collections.abc import Iterator

import pytest

from training.sampling.decoder import EngineLostError, Order, Progress
from training.sampling.types import SamplingParams
from training.sampling.vllm_streams import TokenStreams

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


def test_a_server_that_is_not_there_is_lost(streams: TokenStreams) -> None:
    streams.add(Order(1, (1, 2), PARAMS, 0, "salt"))
    until_arrived(streams)
    with pytest.raises(EngineLostError, match="does not answer"):
        streams.step()
