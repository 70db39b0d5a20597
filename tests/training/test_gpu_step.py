"""The arithmetic of the benchmark of a step on a GPU, and rows that fail."""

import subprocess
from typing import Any

import pytest
import torch
from torch.utils.flop_counter import FlopCounterMode

from tests.benchmarks import gpu_step_row
from tests.benchmarks.gpu_step import TINY, in_words, row_apart
from tests.benchmarks.step_arithmetic import Work, forward_flops, known_peak, measured_peak, update_flops, work_of
from tests.training.models import tiny_qwen
from training.batching import Example
from training.config.shape import ModelShape, counted_parameters
from training.policy import Policy


def test_work_counts_a_prompt_once_and_every_token_that_attention_looks_at() -> None:
    prompt, responses = 5, [1, 4, 7]
    seen = sum(range(1, prompt + 1))
    for length in responses:
        seen += sum(prompt + own for own in range(1, length))
    assert work_of(prompt, responses) == Work(prompt + 0 + 3 + 6, seen, 12)


def test_flops_are_those_that_torch_counts_in_a_packed_pass() -> None:
    """All but attention, which torch counts as the whole rectangle, if at all."""
    model = tiny_qwen()
    config = model.config
    head_size = config.hidden_size // config.num_attention_heads
    shape = ModelShape(
        0, config.num_hidden_layers, config.hidden_size, config.intermediate_size, config.hidden_size,
        config.num_key_value_heads * head_size, config.vocab_size, None,
    )  # fmt: skip
    policy = Policy(model)
    work = work_of(6, [5, 9])
    examples = [Example(range(2, 8), range(3, 3 + length)) for length in (5, 9)]
    with FlopCounterMode(display=False) as counter:
        logprobs = policy.statistics(examples).logprobs
        forward = _matrices(counter)
        logprobs.sum().backward()
    assert forward == forward_flops(shape, work._replace(seen=0))
    assert _matrices(counter) == pytest.approx(update_flops(shape, work._replace(seen=0)), rel=0.02)
    looking = forward_flops(shape, work) - forward_flops(shape, work._replace(seen=0))
    assert looking == work.seen * shape.layers * 2 * 2 * shape.query_size


def _matrices(counter: FlopCounterMode) -> int:
    return sum(flops for kind, flops in counter.get_flop_counts()["Global"].items() if "attention" not in str(kind))


def test_half_a_billion_weights_need_about_a_billion_for_a_token() -> None:
    shape = ModelShape(0, 24, 896, 4864, 896, 128, 151_936, None)
    needed = forward_flops(shape, Work(tokens=1, seen=0, predicted=1))
    assert needed == pytest.approx(2 * counted_parameters(shape, tied=True), rel=0.001)


@pytest.mark.parametrize(
    ("name", "peak"),
    [
        ("NVIDIA H100 80GB HBM3", 989e12),
        ("NVIDIA H100 PCIe", 756e12),
        ("NVIDIA H200", 989e12),
        ("NVIDIA H200 NVL", 835e12),
        ("NVIDIA A100-SXM4-80GB", 312e12),
        ("NVIDIA L40S", 362e12),
        ("NVIDIA L4", 121e12),
        ("NVIDIA A10G", None),
        ("", None),
    ],
)
def test_limits_are_found_by_a_devices_name(name: str, peak: float | None) -> None:
    assert known_peak(name) == peak


def test_a_limit_that_is_not_listed_is_measured() -> None:
    assert 1e7 < measured_peak(torch.device("cpu"), torch.float32, 64, repeats=2) < 1e15


def test_memory_that_ends_is_a_row_and_so_is_a_process_that_was_killed(monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: Any, **__: Any) -> Any:
        raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 9.27 GiB. GPU 0 has …")

    monkeypatch.setattr(gpu_step_row, "measure", full)
    row = gpu_step_row.measured_or_failed("0.5B", TINY, chunk_times=2)
    assert "9.27 GiB" in in_words({"model": "0.5B", "variant": "head not chunked", **row})

    killed = subprocess.CompletedProcess[str]([], -9, "", "")
    monkeypatch.setattr(subprocess, "run", lambda *_, **__: killed)
    assert row_apart("0.5B", "plain", tiny=True, longest_s=1)["failed"].startswith("exit code -9")
