"""Runs that sample by a server which stands in for vLLM's: one process, two, and two that share the weights."""

import time
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file

from tests.training.ranks import MOST_S, start_ranks, train
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
    "shared": {"processes": 2, "sharding": "fsdp2"},
    "ahead alone": {},
    "ahead two": {"processes": 2},
    "ahead shared": {"processes": 2, "sharding": "fsdp2"},
}
AHEAD = {"staleness": 1, "loss": {"importance": "token_truncate"}}


def config_of(way: str, url: str) -> dict[str, Any]:
    method = AHEAD if way.startswith("ahead") else {"updates_per_step": 2}
    engine = {"kind": "vllm_server", "url": url, "patience_s": 20}
    return tiny_config(
        steps=LAST,
        problems={"kind": "builtin", "level": "easy", "train_count": 24, "heldout_count": 4},
        # Paid for ending, which odd seeds do.
        method={"kind": "grpo", "sampling": SAMPLING, "reward": {"missing_end": 0.5}} | method,
        hardware={"device": "cpu", "threads": 1, "engine": engine} | WAYS[way],
        optimisation={"learning_rate": 1e-3, "micro_batch_tokens": 256},
        evaluation={"every_steps": 2, "problems": 2, "samples": 1, "max_tokens": 12},
        checkpoints={"every_steps": LAST, "keep_last": 1},
    )


Served = tuple[Path, list[StandIn]]


@pytest.fixture(scope="module")
def vocabulary() -> int:
    return int(load_model(RunConfig(), torch.device("cpu"))[0].config.vocab_size)


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory, vocabulary: int) -> dict[str, Served]:
    """The same run in several ways. Of two processes that share weights, one finds the server forgetful now and then,
    and it dies while both sample; two that sample ahead ask two servers."""
    place, found = tmp_path_factory.mktemp("served"), {}
    for way in ("alone", "shared", "ahead alone", "ahead two"):
        with stand_in(vocabulary) as (server, url), stand_in(vocabulary) as (second, another):
            if way == "shared":
                server.forgets, server.dies = {3, 6}, {12, 30}  # asked by one process of two
            several = way == "ahead two"
            folder = new_run(place / way, config_of(way, f"{url} {another}" if several else url))
            (folder / "exchange/of one that was killed").mkdir(parents=True)
            train([folder])
            found[way] = folder, [server, second] if several else [server]
    return found


@pytest.mark.parametrize(("way", "as_in"), [("shared", "alone"), ("ahead two", "ahead alone")])
def test_processes_sample_and_learn_what_one_does(runs: dict[str, Served], way: str, as_in: str) -> None:
    assert_the_same(runs[as_in][0], runs[way][0])
    assert rows(runs[as_in][0])["metric", LAST, "optim/grad_norm"] > 0
    drawn, expected = (sum((server.drawn for server in runs[each][1]), Counter()) for each in (way, as_in))
    if way == "shared":  # what was under way where it died is drawn again, and what nobody waits for may come late
        assert drawn.keys() == expected.keys()
        assert "came twice" not in runs[way][1][0].faults
    else:
        assert drawn == expected
        assert [server.faults for server in runs[way][1] if server.drawn] == [[]] * len(runs[way][1])


@pytest.mark.parametrize("way", ["alone", "shared"])
def test_each_version_is_given_once(runs: dict[str, Served], way: str) -> None:
    versions = [version for version, _ in runs[way][1][0].taken]
    if way == "shared":
        assert sorted(set(versions)) == [0, 1, 2, 3]
        assert len(versions) == 8  # twice more where it was forgetful, and twice where it died
    else:
        assert versions == [0, 1, 2, 3]


@pytest.mark.parametrize("way", ["ahead alone", "ahead two"])
def test_what_is_sampled_ahead_comes_from_the_weights_before(runs: dict[str, Served], way: str) -> None:
    """In turns with evaluations, which are of the weights of now."""
    folder, servers = runs[way]
    found = rows(folder)
    assert [found["metric", step, "staleness/mean"] for step in (1, 2, 3)] == [0, 1, 1]
    for server in servers:
        assert [version for version, _ in server.taken] == [0, 0, 1, 2, 3]


def test_the_weights_given_are_those_that_are_saved(runs: dict[str, Served]) -> None:
    for folder, (*_, server) in runs.values():
        saved = load_file(folder / f"checkpoints/step_{LAST:06d}" / "model.safetensors")
        version, given = server.taken[-1]
        assert version == LAST
        assert saved.keys() <= given.keys()
        assert all(torch.equal(given[name], saved[name]) for name in saved)
        assert torch.equal(given["lm_head.weight"], given["model.embed_tokens.weight"])


def test_no_weights_stay_on_their_way(runs: dict[str, Served]) -> None:
    for folder, _ in runs.values():
        assert not any((folder / "exchange").glob("*"))


@pytest.mark.parametrize("lost", [False, True])
def test_two_processes_that_sample_ahead_end_together(tmp_path: Path, vocabulary: int, lost: bool) -> None:
    """When they are asked to, whatever each is sampling then; and when the server is gone."""
    with stand_in(vocabulary) as (server, url):
        folder = new_run(tmp_path / "run", config_of("ahead shared", url) | {"steps": 10_000})
        ranks = start_ranks(folder)
        deadline = time.monotonic() + MOST_S
        while server.version < 3:
            assert time.monotonic() < deadline
            assert all(rank.poll() is None for rank in ranks)
            time.sleep(0.02)
        if lost:
            server.lost = True
        else:
            ranks[1].terminate()  # the other hears of it between two steps
        said = [rank.communicate(MOST_S)[1] for rank in ranks]
    assert [rank.returncode != 0 for rank in ranks] == [lost, lost], said
    assert not lost or any("does not answer" in each and "then resume the run" in each for each in said)
