"""Engines as configs name them: models that take turns with the vLLM of one process, and how much it holds."""

from collections.abc import Iterable
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch

from tests.training.methods.parts import build, reward_model_folder
from tests.training.models import VOCABULARY, tiny_qwen
from tests.training.sampling.stand_in import stand_in
from tests.training.sampling.test_vllm_engine import CountingDecoder
from training.assembly import answerable, engines
from training.assembly.learned import load_reward_model
from training.config import HardwareConfig, LearnedRewardConfig, RunConfig
from training.errors import InputError
from training.sampling.types import SamplingParams
from training.sampling.vllm_server import VllmServer
from training.sampling.vllm_weights import FileTransfer

PARAMS = SamplingParams(n=1, max_tokens=2, temperature=1.0, stop_ids=(), seed=5)


class Process(CountingDecoder):
    """Stands in for vLLM; remembers whose weights it was given."""

    tenant: object = None
    started = 0

    def __init__(self, *_: Any) -> None:
        super().__init__()
        Process.started += 1
        self.given: list[float] = []

    def load(self, version: int, weights: "Iterable[tuple[str, torch.Tensor]]") -> None:
        self.given.append(float(dict(weights)["model.norm.weight"][0]))
        self.ready = True


def test_each_model_is_sampled_by_its_own_weights(monkeypatch: pytest.MonkeyPatch) -> None:
    """As where problems are selected by an earlier checkpoint, or checkpoints of a run are compared."""
    monkeypatch.setattr(engines, "VllmProcess", Process)
    monkeypatch.setattr(engines, "_started", {})
    hardware = HardwareConfig.model_validate({"engine": {"kind": "vllm"}})
    models = [tiny_qwen(), tiny_qwen()]
    for number, model in enumerate(models):
        torch.nn.init.constant_(model.model.norm.weight, 3.0 + number)
    earlier, later, searching = (engines.engine_of(model, hardware) for model in (*models, models[1]))
    for engine in (earlier, later, searching, later, earlier):
        engine.sample([[1, 2]], PARAMS)
    [process] = engines._started.values()
    assert isinstance(process, Process)
    assert (Process.started, process.given) == (1, [3.0, 4.0, 3.0])
    torch.nn.init.constant_(models[1].model.norm.weight, 5.0)
    later.update_weights(1)
    later.sample([[1, 2]], PARAMS)
    searching.sample([[1, 2]], PARAMS)
    assert process.given[3:] == [5.0, 5.0], "of another version, for all that this engine was told"


def test_problems_are_left_out_that_vllm_was_started_too_small_for() -> None:
    with ExitStack() as stack:
        parts, _ = build(stack)
    problems = parts.problems.train
    length = max(len(parts.codec.prompt_ids(problem.prompt)) for problem in problems)
    small = {"hardware": {"engine": {"kind": "vllm", "context": length + 99}}}
    parts = replace(parts, config=RunConfig.model_validate(parts.config.model_dump() | small))
    assert len(answerable(parts, problems, 99)) == len(problems)
    assert 0 < len(answerable(parts, problems, 100)) < len(problems)
    with pytest.raises(InputError, match=f"room for {length + 99} tokens in the context of {length + 99}"):
        answerable(parts, problems, length + 99)


def test_a_server_of_another_vocabulary_is_refused_and_clients_share_the_room_of_one() -> None:
    model = tiny_qwen()
    with stand_in(VOCABULARY) as (server, url), stand_in(VOCABULARY + 1) as (_, other):
        hardware = HardwareConfig.model_validate({"engine": {"kind": "vllm_server", "url": other}})
        with pytest.raises(InputError, match=f"{other} has a model of {VOCABULARY + 1} token ids, the run's has"):
            engines.engine_of(model, hardware)
        for clients, share in ((1, 4.0), (2, 2.0), (100, 1.0)):  # at least one response of each finds room
            client = VllmServer(url, FileTransfer(Path()), clients=clients)
            assert client.facts.capacity_tokens == share * server.facts["context"]
            client.close()


def test_a_learned_reward_computes_with_the_attention_that_was_chosen(tmp_path: Path) -> None:
    with ExitStack() as stack:
        parts, _ = build(stack, hardware={"attention": "eager"})
    source = {"kind": "local", "path": str(reward_model_folder(tmp_path))}
    found = load_reward_model(parts, LearnedRewardConfig.model_validate({"model": source}))
    assert found is not None
    assert found.model.config._attn_implementation == "eager"
