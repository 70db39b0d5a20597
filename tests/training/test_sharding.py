"""A model that two processes share and one has read, beside the same one whole."""

import multiprocessing
import os
from pathlib import Path
from typing import Any

import pytest
import torch
from transformers import PreTrainedModel

from tests.training.models import tiny_gemma, tiny_qwen
from tests.training.warm_trainer import PRELOADED
from training.batching import Example
from training.config import OptimisationConfig
from training.distributed import Processes
from training.errors import InputError
from training.frames import read_once
from training.launch import free_port
from training.optimiser import Optimiser
from training.policy import Policy
from training.recomputation import recompute_layers
from training.sampling.vllm_engine import weights_of

pytestmark = pytest.mark.processes

CPU = torch.device("cpu")
EXAMPLES = [Example([3, 4, 5], [6, 7, 8]), Example([3, 4, 5], [9, 7, 2, 3]), Example([1, 2], [5, 5, 5])]
MODELS = {"packed": tiny_qwen, "padded": tiny_gemma}


@pytest.fixture(scope="module")
def found(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """What the first of two processes that share models finds out about them; the other has nothing to learn from."""
    result = tmp_path_factory.mktemp("shared") / "found.pt"
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(PRELOADED)
    port = free_port()
    ranks = [context.Process(target=_rank, args=(rank, port, result)) for rank in range(2)]
    for rank in ranks:
        rank.start()
    for rank in ranks:
        rank.join(240)
        assert rank.exitcode == 0
    return dict(torch.load(result))


def _rank(rank: int, port: int, result: Path) -> None:
    os.environ |= {"MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(port), "WORLD_SIZE": "2", "RANK": str(rank)}
    torch.set_num_threads(1)
    processes = Processes.join(CPU)
    found = {f"{name} {dtype}": _look(name, dtype, processes)
             for name in MODELS for dtype in ("float32", "bfloat16")}  # fmt: skip
    found["refused"] = processes.gather(_refused(processes))
    if processes.is_first:
        torch.save(found, result)
    processes.leave()


def _refused(processes: Processes) -> str:
    """What is said where the first cannot read the model."""

    def read() -> tuple[PreTrainedModel, None]:
        raise InputError("there is none")

    with pytest.raises(InputError) as said:
        read_once(read, processes)
    return str(said.value)


def _look(name: str, dtype: str, processes: Processes) -> dict[str, Any]:
    reads = []

    def read() -> tuple[PreTrainedModel, int]:
        reads.append(name)
        return _eager(name), 7

    model, extra = read_once(read, processes)
    own = _eager(name)
    frame = {
        "read": len(reads) == int(processes.is_first),
        "nowhere": model.device.type == ("cpu" if processes.is_first else "meta"),
        "told": (extra, model.config._attn_implementation) == (7, "eager"),
        "tied": (model.get_output_embeddings().weight is model.get_input_embeddings().weight)
        == model.config.tie_word_embeddings,
        "buffers": all(torch.equal(*pair) for pair in zip(model.buffers(), own.buffers(), strict=True)),
    }
    whole = Policy(own, dtype)
    recompute_layers(model)
    shared = Policy(model, dtype)
    shared.shard(processes, CPU)
    assert shared.shards is not None
    optimisers = [
        Optimiser(each.trained, OptimisationConfig(learning_rate=1e-3), 10, processes) for each in (whole, shared)
    ]
    norms = []
    for step in (1, 2):
        shared.shards.gather()
        with torch.no_grad():
            asked = shared.statistics(EXAMPLES).logprobs
        whole.statistics(EXAMPLES).logprobs.sum().backward()  # type: ignore[no-untyped-call]
        if processes.is_first:
            learned = shared.statistics(EXAMPLES).logprobs
            learned.sum().backward()  # type: ignore[no-untyped-call]
        else:
            shared.take_part()
            whole.model.zero_grad()  # its gradients are summed over the processes
        norms.append([each.update(step) for each in optimisers])
    held = sum(each.to_local().numel() for each in shared.trained.parameters())  # type: ignore[operator]
    pieces = dict(weights_of(shared.model, shared.shards))
    asked_again = shared.model.device
    given = {name: torch.equal(pieces[name], value) for name, value in _gathered(shared).items()}
    weights = [dict(each.named_parameters()) for each in (whole.model, shared.model)]
    off = max(float((weights[0][name] - weights[1][name]).abs().max()) for name in weights[0])
    frames = processes.gather(frame)
    facts = {
        "frames": frames,
        "norms": norms,
        "held": held / sum(p.numel() for p in whole.model.parameters()),
        "off": off,
    }
    alike = bool(processes.is_first and torch.equal(asked, learned.detach()))
    return facts | {"alike": alike, "packed": shared.packed, "between": str(asked_again), "given": given}


def _eager(name: str) -> PreTrainedModel:
    """A model that attends otherwise than it would by itself."""
    model = MODELS[name]()
    model.set_attn_implementation("eager")
    return model


def _gathered(policy: Policy) -> dict[str, torch.Tensor]:
    """All weights once the model is whole, its head's by their own name as well."""
    assert policy.shards is not None
    policy.shards.gather()
    return dict(weights_of(policy.model))


@pytest.mark.parametrize("name", MODELS)
def test_the_first_alone_reads_the_model_and_the_other_begins_with_its_frame(found: dict[str, Any], name: str) -> None:
    frames = found[f"{name} float32"]["frames"]
    assert len(frames) == 2
    assert [[what for what, holds in frame.items() if not holds] for frame in frames] == [[], []]


def test_where_the_first_cannot_read_it_all_say_why(found: dict[str, Any]) -> None:
    assert found["refused"] == ["there is none"] * 2


@pytest.mark.parametrize("name", MODELS)
def test_slices_learn_what_the_whole_learns(found: dict[str, Any], name: str) -> None:
    """Layers are run again going backward, and one process takes part with nothing to learn from."""
    facts = found[f"{name} float32"]
    assert facts["packed"] is (name == "packed")
    for whole, shared in facts["norms"]:
        assert shared == pytest.approx(whole, rel=1e-5)
    assert facts["off"] < 1e-5


@pytest.mark.parametrize("name", MODELS)
@pytest.mark.parametrize("dtype", ["float32", "bfloat16"])
def test_a_policy_is_asked_exactly_as_it_learns(found: dict[str, Any], name: str, dtype: str) -> None:
    """Else the ratio of new to old policy would not begin at 1."""
    assert found[f"{name} {dtype}"]["alike"]


@pytest.mark.parametrize("name", MODELS)
def test_each_process_holds_half_and_the_whole_is_gone_while_it_learns(found: dict[str, Any], name: str) -> None:
    assert found[f"{name} float32"]["held"] == pytest.approx(0.5, abs=0.02)
    assert found[f"{name} float32"]["between"] == "meta"


@pytest.mark.parametrize("name", MODELS)
def test_weights_are_given_away_one_after_the_other_while_the_whole_is_nowhere(
    found: dict[str, Any], name: str
) -> None:
    for dtype in ("float32", "bfloat16"):
        given = found[f"{name} {dtype}"]["given"]
        assert "lm_head.weight" in given
        assert all(given.values())
