"""4 bits, by layers that stand in for bitsandbytes' where there is no GPU: whose matrices are never there whole."""

from collections.abc import Iterator
from contextlib import contextmanager
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.multiprocessing.reductions import StorageWeakRef
from torch.nn import functional as F
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

from tests.training.runs import tiny_config
from training.adapter import adapt, adapted_layers
from training.assembly import Parts
from training.assembly.ppo import critic_updater
from training.config import PpoMethod, RunConfig
from training.distributed import Processes
from training.quantised import is_quantised
from training.recorder import Recorder
from training.reward_model import RewardModel
from training.sources import Problems, load_model

CPU = torch.device("cpu")


class Coarse(nn.Linear):
    """Whole numbers times a scale."""

    scale: Tensor

    def __init__(self, inputs: int, outputs: int, bias: bool, **_: Any) -> None:
        super().__init__(inputs, outputs, bias)

    def forward(self, states: Tensor) -> Tensor:
        weight = self.weight.to(torch.bfloat16) * self.scale
        return F.linear(states.to(torch.bfloat16), weight, self.bias).to(states.dtype)


def coarse_weight(data: Tensor, module: Coarse, **_: Any) -> nn.Parameter:
    """What a layer is given to hold."""
    module.scale = (data.abs().max() / 7).to(torch.bfloat16)
    return nn.Parameter((data / module.scale).round_().to(torch.int8), requires_grad=False)


LAYERS = SimpleNamespace(Linear4bit=Coarse, Params4bit=coarse_weight)


class Watching(TorchDispatchMode):
    """Counts the float32 matrices of these shapes that are there at once, besides those that were before."""

    def __init__(self, shapes: set[torch.Size]) -> None:
        super().__init__()
        self.most = 0
        self._shapes = shapes
        self._made: set[StorageWeakRef] = set()

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        given = {_address(each) for each in _tensors((args, kwargs))}
        out = func(*args, **(kwargs or {}))
        for each in _tensors(out):
            if each.dtype == torch.float32 and each.shape in self._shapes and _address(each) not in given:
                self._made.add(StorageWeakRef(each.untyped_storage()))
        self._made = {made for made in self._made if not made.expired()}
        self.most = max(self.most, len(self._made))
        return out


def _tensors(values: Any) -> list[Tensor]:
    return [each for each in tree_leaves(values) if isinstance(each, Tensor) and not each.is_meta]


def _address(tensor: Tensor) -> int:
    return tensor.untyped_storage().data_ptr()


@contextmanager
def watched(parts: Parts) -> Iterator[Watching]:
    """Look at all matrices of the shapes of the body's."""
    layers = adapted_layers(parts.model).values()
    with Watching({layer.base_layer.weight.shape for layer in layers}) as watching:
        yield watching


@pytest.fixture
def parts(monkeypatch: pytest.MonkeyPatch) -> Parts:
    """Of PPO beside an adapter, whose policy is held coarsely."""
    for module in ("quantised", "reward_model"):
        monkeypatch.setattr(f"training.{module}.four_bit_layers", lambda device: LAYERS)
    config = RunConfig.model_validate(tiny_config(method={"kind": "ppo"}, adapter={"kind": "qlora", "rank": 4}))
    model, tokenizer = load_model(config, CPU)
    adapt(model, config.adapter, 0)
    return Parts.of(config, Problems([], []), model, tokenizer, Recorder(), Processes())


def test_a_critic_of_the_policy_takes_its_matrices_as_they_are(parts: Parts) -> None:
    method = parts.config.method
    assert isinstance(method, PpoMethod)
    with watched(parts) as watching:
        critic = critic_updater(parts, method, None)._critic.module
    assert watching.most == 0
    assert is_quantised(critic)
    layers, copies = (adapted_layers(each) for each in (parts.model, critic))
    assert len(copies) == len(layers) > 6
    for (_, one), (_, other) in zip(layers.items(), copies.items(), strict=True):
        assert torch.equal(one.base_layer.weight, other.base_layer.weight)
        assert one.base_layer.scale == other.base_layer.scale
        assert one.base_layer.weight.data_ptr() != other.base_layer.weight.data_ptr()


def test_a_critic_of_a_reward_model_rounds_one_matrix_after_the_other(parts: Parts) -> None:
    judge = RewardModel.from_policy(load_model(RunConfig(), CPU)[0])
    method = PpoMethod.model_validate({"critic": {"start": "reward_model"}})
    with watched(parts) as watching:
        critic = critic_updater(parts, method, judge)._critic.module
    assert watching.most == 1
    layers, copies = (adapted_layers(each) for each in (parts.model, critic))
    assert all(torch.equal(layers[name].base_layer.weight, copies[name].base_layer.weight) for name in layers)
    assert torch.equal(critic.score.weight, judge.model.score.weight)


def test_a_copy_in_float32_would_be_seen(parts: Parts) -> None:
    plain, _ = load_model(RunConfig(), CPU)
    with watched(parts) as watching:
        RewardModel.from_policy(plain)
    assert watching.most >= len(adapted_layers(parts.model))
