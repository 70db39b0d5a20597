"""Runs that sample by a server which stands in for vLLM's: one process, two, and two that share the weights."""

from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file

from tests.training.ranks import train
from tests.training.runs import new_run, rows, tiny_config
from tests.training.sampling.stand_in import StandIn, stand_in
from tests.training.test_processes import assert_the_same
from training.config import RunConfig
from training.sources import load_model

pytestmark = pytest.mark.processes

LAST = 3
SAMPLING = {"prompts_per_step": 4, "samples_per_prompt": 4, "max_tokens": 12}
WAYS: dict[str, dict[str, Any]] = {
    "alone": {},
    "two": {"processes": 2},
    "shared": {"processes": 2, "sharding": "fsdp2"},
}


def config_of(way: str, url: str, **method: Any) -> dict[str, Any]:
    engine = {"kind": "vllm_server", "url": url, "patience_s": 20}
    return tiny_config(
        steps=LAST,
        problems={"kind": "builtin", "level": "easy", "train_count": 24, "heldout_count": 4},
        # Paid for ending, which odd seeds do.
        method={"kind": "grpo", "sampling": SAMPLING, "reward": {"missing_end": 0.5}} | method,
        hardware={"device": "cpu", "threads": 1, "engine": engine} | WAYS[way],
        optimisation={"learning_rate": 1e-3, "micro_batch_tokens": 256},
        evaluation={"every_steps": LAST, "problems": 2, "samples": 1, "max_tokens": 12},
        checkpoints={"every_steps": LAST, "keep_last": 1},
    )


Served = tuple[Path, StandIn]


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Served]:
    """The same run in all ways. Of two processes that share weights, one finds the server forgetful once."""
    vocabulary = load_model(RunConfig(), torch.device("cpu"))[0].config.vocab_size
    place, found = tmp_path_factory.mktemp("served"), {}
    for way in WAYS:
        with stand_in(vocabulary) as (server, url):
            server.forgets = {3, 6} if way == "shared" else set()  # asked by one process of two
            folder = new_run(place / way, config_of(way, url))
            train([folder])
            found[way] = folder, server
    return found


@pytest.mark.parametrize("way", ["two", "shared"])
def test_processes_sample_and_learn_what_one_does(runs: dict[str, Served], way: str) -> None:
    assert_the_same(runs["alone"][0], runs[way][0])
    assert rows(runs["alone"][0])["metric", LAST, "optim/grad_norm"] > 0


@pytest.mark.parametrize("way", WAYS)
def test_each_version_is_given_once_and_samples_for_all(runs: dict[str, Served], way: str) -> None:
    _, server = runs[way]
    assert server.faults == []
    assert server.drawn == runs["alone"][1].drawn
    versions = [version for version, _ in server.taken]
    if way == "shared":
        assert sorted(set(versions)) == [0, 1, 2, 3]
        assert len(versions) == 6
    else:
        assert versions == [0, 1, 2, 3]


def test_the_weights_given_are_those_that_are_saved(runs: dict[str, Served]) -> None:
    for folder, server in runs.values():
        saved = load_file(folder / f"checkpoints/step_{LAST:06d}" / "model.safetensors")
        version, given = server.taken[-1]
        assert version == LAST
        assert saved.keys() <= given.keys()
        assert all(torch.equal(given[name], saved[name]) for name in saved)
        assert torch.equal(given["lm_head.weight"], given["model.embed_tokens.weight"])
