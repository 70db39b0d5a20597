"""Two models that take turns with the vLLM of one process."""

from collections.abc import Iterable
from typing import Any

import pytest
import torch

from tests.training.models import tiny_qwen
from tests.training.sampling.test_vllm_engine import CountingDecoder
from training.assembly import engines
from training.config import HardwareConfig
from training.sampling.types import SamplingParams

PARAMS = SamplingParams(n=1, max_tokens=2, temperature=1.0, stop_ids=(), seed=5)


class Process(CountingDecoder):
    """Stands in for vLLM; remembers whose weights it was given."""

    tenant: object | None = None
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
    earlier, later = (engines.engine_of(model, hardware) for model in models)
    for engine in (earlier, later, later, earlier):
        engine.sample([[1, 2]], PARAMS)
    [process] = engines._started.values()
    assert isinstance(process, Process)
    assert (Process.started, process.given) == (1, [3.0, 4.0, 3.0])
