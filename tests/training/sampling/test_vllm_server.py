"""What a vLLM server says when it fails: that it cannot do something, or that it has died."""

from collections.abc import Iterable
from types import SimpleNamespace
from typing import Any

import httpx2
import pytest
from torch import Tensor

from tests.training.models import VOCABULARY, tiny_qwen
from tests.training.sampling.stand_in import stand_in
from training.assembly.sampling import sampling_engine
from training.config import AgenticConfig, HardwareConfig
from training.distributed import Processes
from training.sampling.decoder import EngineLostError
from training.sampling.vllm_server import VllmServer


class Unloadable:
    """Weights that the server's workers fail to load."""

    def send(self, call: Any, weights: Iterable[tuple[str, Tensor]]) -> None:
        call("take_weights", path="/nowhere")

    def forget(self) -> None:
        pass


@pytest.mark.parametrize("health", [200, 503])
def test_a_server_whose_engine_died_is_lost_and_one_that_cannot_do_something_refuses(health: int) -> None:
    asked = []

    def answer(request: httpx2.Request) -> httpx2.Response:
        asked.append(request.url.path)
        if request.url.path == "/health":
            return httpx2.Response(200 if "/collective_rpc" not in asked else health)
        return httpx2.Response(500 if request.url.path == "/collective_rpc" else 200, text="")

    with stand_in(50) as (_, url):
        server = VllmServer(url, Unloadable(), 5.0)
        server._client = httpx2.Client(base_url=url, transport=httpx2.MockTransport(answer))
        expected = (ValueError, "refuses /collective_rpc: 500") if health == 200 else (EngineLostError, "not answer")
        with pytest.raises(expected[0], match=expected[1]):
            server.load(1, [])
        assert "/resume" in asked  # never left paused
        assert not server._label
        server.close()


def test_weights_that_were_cut_off_on_their_way_are_nobodys() -> None:
    """Whoever else samples there sees that its own are gone, though the server never was."""

    class CutOff(Unloadable):
        def send(self, call: Any, weights: Iterable[tuple[str, Tensor]]) -> None:
            raise KeyboardInterrupt

    class Whole(Unloadable):
        def send(self, call: Any, weights: Iterable[tuple[str, Tensor]]) -> None:
            pass

    with stand_in(50) as (_, url):
        first, second = VllmServer(url, Whole(), 5.0), VllmServer(url, CutOff(), 5.0)
        first.load(3, [])
        assert first.prepare()
        with pytest.raises(KeyboardInterrupt):
            second.load(7, [])
        assert not first.prepare()
        for server in (first, second):
            server.close()


def test_nothing_is_sampled_while_weights_are_loaded_and_no_prefix_outlives_them() -> None:
    asked: list[str] = []

    def answer(request: httpx2.Request) -> httpx2.Response:
        asked.append(request.url.path)
        return httpx2.Response(200, text="")

    with stand_in(50) as (_, url):
        server = VllmServer(url, Unloadable(), 5.0)
        server._client = httpx2.Client(base_url=url, transport=httpx2.MockTransport(answer))
        server.load(1, [])
        server.close()
    _, *loading = asked
    assert loading == [
        *("/pause", "/update_weight_version", "/collective_rpc"),
        *("/reset_prefix_cache", "/update_weight_version", "/resume"),
    ]


@pytest.mark.parametrize(("enabled", "times"), [(True, 3), (False, 1)])
def test_several_servers_reserve_as_many_times_their_room_as_conversations_may(enabled: bool, times: int) -> None:
    with stand_in(VOCABULARY) as (said, url), stand_in(VOCABULARY) as (_, another):
        hardware = {"engine": {"kind": "vllm_server", "url": f"{url} {another}"}}
        config = SimpleNamespace(hardware=HardwareConfig.model_validate(hardware))
        policy: Any = SimpleNamespace(model=tiny_qwen(), shards=None)
        parts: Any = SimpleNamespace(policy=policy, config=config, folder=None, processes=Processes())
        engine: Any = sampling_engine(parts, 8, AgenticConfig(enabled=enabled, kv_oversubscription=3.0))
        assert engine._decoder._scheduler.free == (times * said.facts["capacity_tokens"],) * 2
