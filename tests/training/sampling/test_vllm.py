"""What only the real vLLM can show: the same draws here and on a server, one that dies, a process left as it was."""

import itertools
import multiprocessing
import os
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from tests.training.sampling.cases import process_case, server_case, tiny_model, vllm_model
from tests.training.sampling.vllm_cases import KV_MIB, SHARE, server_process, vllm_engine, vllm_process, vllm_server
from training.distributed import Processes
from training.launch import free_port
from training.policy import Policy
from training.sampling.torch_engine import TorchEngine
from training.sampling.types import Completion, SamplingParams
from training.sampling.vllm_engine import VllmEngine, weights_of
from training.sampling.vllm_process import Memory, VllmMissingError, VllmProcess
from training.sampling.vllm_server import VllmServer
from training.sampling.vllm_together import VllmTogether
from training.sampling.vllm_weights import FileTransfer, NetworkTransfer

pytest.importorskip("vllm", reason="vLLM has an environment of its own: make test-vllm")

PLAIN = SamplingParams(n=4, max_tokens=24, temperature=1.0, stop_ids=(3, 11), seed=5)
Prompts = list[list[int]]


def ids_of(results: list[list[Completion]]) -> list[list[list[int]]]:
    return [[completion.token_ids for completion in of_prompt] for of_prompt in results]


def test_here_and_on_a_server_the_same_is_drawn_with_the_same_log_probs(prompts: Prompts) -> None:
    here, there = (case.make(64, True).sample(prompts, PLAIN) for case in (process_case(), server_case()))
    assert ids_of(here) == ids_of(there)
    for one, other in zip(itertools.chain(*here), itertools.chain(*there), strict=True):
        np.testing.assert_allclose(one.logprobs, other.logprobs, atol=1e-5)


def test_the_process_keeps_its_threads_and_random_numbers() -> None:
    engine = process_case().make(8, True)
    torch.manual_seed(4)
    expected = torch.rand(3)
    torch.manual_seed(4)
    engine.sample([[1, 2]], PLAIN)
    assert torch.equal(torch.rand(3), expected)
    torch.set_num_threads(2)
    assert torch.get_num_threads() == 2
    torch.set_num_threads(1)


def test_resting_changes_nothing_that_is_drawn(prompts: Prompts) -> None:
    engine = process_case().make(8, True)
    before = ids_of(engine.sample(prompts, PLAIN))
    assert isinstance(engine, VllmEngine)
    engine.rest()
    assert ids_of(engine.sample(prompts, PLAIN)) == before


def test_weights_over_the_network_are_those_of_files(prompts: Prompts) -> None:
    expected = ids_of(server_case().make(64, True).sample(prompts, PLAIN))
    url = server_process(vllm_model).url
    server = VllmServer(url, NetworkTransfer(url), patience_s=60)
    with pytest.raises(ValueError, match="nonsense"):
        server.load(1, [("model.nonsense", torch.zeros(2)), ("model.norm.weight", torch.zeros(32))])
    assert ids_of(vllm_engine(server, vllm_model, 64).sample(prompts, PLAIN)) == expected
    server.close()


def test_heads_that_vllm_has_no_kernels_for_are_widened(prompts: Prompts) -> None:
    vllm_process(vllm_model)
    model = tiny_model("qwen2")  # heads of 8
    engine = vllm_engine(VllmProcess(model, "float32", Memory(1 << 24, 0.05), 8), lambda: model, 8)
    greedy = replace(PLAIN, n=1, temperature=0.0)
    wide, own = engine.sample(prompts, greedy), TorchEngine(model).sample(prompts, greedy)
    assert ids_of(wide) == ids_of(own)
    for one, other in zip(itertools.chain(*wide), itertools.chain(*own), strict=True):
        np.testing.assert_allclose(one.logprobs, other.logprobs, atol=1e-4)


def test_a_model_that_cannot_run_is_refused_in_words() -> None:
    vllm_process(vllm_model)  # a process can start one after the other
    with pytest.raises(VllmMissingError, match="cannot run this model here"):
        VllmProcess(tiny_model("qwen3"), "float32", Memory(1 << 24, 0.05), 8)


def test_two_clients_of_a_server_sample_at_once_by_what_one_has_given_it(prompts: Prompts) -> None:
    url, exchange = server_process(vllm_model).url, server_process(vllm_model).folder / "exchange"
    vllm_server(vllm_model)  # it answers
    one, other = (VllmServer(url, FileTransfer(exchange), name="both", clients=2) for _ in range(2))
    assert one.facts.capacity_tokens == vllm_server(vllm_model).facts.capacity_tokens // 2
    one.load(4, weights_of(vllm_model()))
    assert not other.prepare()
    other.took(4)
    assert other.prepare()
    with ThreadPoolExecutor() as pool:
        drawn = list(pool.map(lambda client: VllmEngine(client).sample(prompts, PLAIN), (one, other)))
    assert ids_of(drawn[0]) == ids_of(drawn[1])
    for client in (one, other):
        client.close()


def test_two_processes_that_share_a_model_each_sample_with_a_vllm_of_their_own(
    prompts: Prompts, tmp_path: Path
) -> None:
    context, port = multiprocessing.get_context("forkserver"), free_port()
    context.set_forkserver_preload(["vllm.v1.engine.llm_engine", __name__])  # once for both
    ranks = [context.Process(target=_rank, args=(rank, port, prompts, tmp_path / "found.pt")) for rank in range(2)]
    for rank in ranks:
        rank.start()
    for rank in ranks:
        rank.join(240)
        assert rank.exitcode == 0
    # The server draws what vLLM does in this process, where the refused model has ended it.
    assert torch.load(tmp_path / "found.pt") == ids_of(server_case().make(64, True).sample(prompts, PLAIN))


def _rank(rank: int, port: int, prompts: Prompts, result: Path) -> None:
    """Samples every other prompt, the second process in one call more than the first."""
    meeting = {"MASTER_ADDR": "127.0.0.1", "MASTER_PORT": port, "WORLD_SIZE": 2, "RANK": rank, "LOCAL_RANK": rank}
    os.environ |= {name: str(value) for name, value in meeting.items()}
    torch.set_num_threads(1)
    processes, policy = Processes.join(torch.device("cpu")), Policy(vllm_model())
    policy.shard(processes, torch.device("cpu"))
    decoder = VllmProcess(policy.model, "float32", Memory(KV_MIB << 20, SHARE), 64, several=True)
    engine = VllmTogether(decoder, processes, source=lambda: weights_of(policy.model, policy.shards))
    params = [replace(PLAIN, stream=place) for place in processes.share(range(len(prompts)))]
    for _ in range(2):
        engine.meet()
        for _ in range(1 + rank):
            mine = ids_of(engine.sample(processes.share(prompts), params))
        engine.update_weights(1)
    drawn = processes.unshare(mine)
    if processes.is_first:
        torch.save(drawn, result)
    decoder.close()
    processes.leave()


def test_a_server_that_dies_goes_on_where_it_was_once_it_is_back(prompts: Prompts) -> None:
    """The last test of this server: it is started anew, with the weights of its folder, and gets those it had."""
    server, process = vllm_server(vllm_model), server_process(vllm_model)
    changed = {name: value + 0.1 for name, value in weights_of(vllm_model())}
    engine = VllmEngine(server, max_rows=4, source=changed.items)
    engine.update_weights(3)
    params = replace(PLAIN, max_tokens=100, stop_ids=())
    whole = ids_of(engine.sample(prompts, params))
    told: list[tuple[int, int]] = []

    def note(prompt: int, sample: int, completion: Completion) -> None:
        told.append((prompt, sample))
        if len(told) == 3:
            process.kill()
            process.start()

    assert ids_of(engine.sample(prompts, params, on_finish=note)) == whole
    assert sorted(told) == list(itertools.product(range(7), range(4)))
