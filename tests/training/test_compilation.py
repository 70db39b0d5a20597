"""torch.compile: the same results to rounding, and a run that goes on where the compiler fails.

The real compiler takes ten seconds for a tiny model, and its figures are tests.benchmarks.update_work's; here what it
would get is captured and run as it is.
"""

import logging
from typing import Any

import pytest
import torch
from torch import nn

from tests.training.models import tiny_qwen
from tests.training.test_policy import examples_of_groups
from training.compilation import compile_parts
from training.policy import Policy

compile_module = nn.Module.compile


def test_captured_parts_take_any_number_of_tokens_and_change_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    captured: list[str] = []

    def backend(graph: torch.fx.GraphModule, _: list[Any]) -> Any:
        captured.append(str(graph.graph))
        return graph.forward

    monkeypatch.setattr(nn.Module, "compile", lambda self, **options: compile_module(self, backend=backend, **options))
    plain, model = tiny_qwen(), tiny_qwen()
    for each in (plain, model):
        each.model.layers = each.model.layers[:1]  # compiling takes its time
    assert compile_parts(model)
    graphs = len(captured)
    for groups in (1, 3):
        expected, found = (
            Policy(each).statistics(examples_of_groups(groups)).logprobs.sum() for each in (plain, model)
        )
        assert torch.allclose(found, expected, atol=1e-4)
        expected.backward()
        found.backward()
    for one, other in zip(plain.parameters(), model.parameters(), strict=True):
        assert (one.grad is None and other.grad is None) or torch.allclose(one.grad, other.grad, atol=1e-3)
    assert graphs >= 2
    assert len(captured) <= 3 * graphs  # with gradients and without, not anew for each length


def test_a_compiler_that_fails_is_told_of_and_done_without(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def backend(*_: Any) -> Any:
        raise RuntimeError("no compiler found")

    monkeypatch.setattr(nn.Module, "compile", lambda self, **options: compile_module(self, backend=backend, **options))
    model = tiny_qwen()
    with caplog.at_level(logging.WARNING, logger="training"):
        assert not compile_parts(model)
    assert "is not compiled" in caplog.text
    examples = examples_of_groups()
    assert torch.equal(Policy(model).statistics(examples).logprobs, Policy(tiny_qwen()).statistics(examples).logprobs)
