"""Frozen models that wait in host memory: when they are moved, and that nobody can tell from the results."""

from contextlib import ExitStack, suppress
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from tests.training.methods.parts import build, reward_model_folder
from training import offload
from training.offload import FrozenWeights
from training.reward_model import RewardModel

CPU = torch.device("cpu")
PPO = {"kind": "ppo", "sampling": {"prompts_per_step": 6, "samples_per_prompt": 1, "max_tokens": 24}}
GRPO = {"kind": "grpo", "sampling": {"prompts_per_step": 4, "samples_per_prompt": 4, "max_tokens": 24}}
FEW_PROBLEMS = {"kind": "builtin", "level": "easy", "train_count": 6, "heldout_count": 4}
METHODS: dict[str, dict[str, Any]] = {
    "ppo": PPO | {"epochs": 2, "updates_per_step": 2},
    "anchored": PPO | {"epochs": 2, "kl": {"coefficient": 0.1}},
    "grpo": GRPO | {"loss": {"kl_coefficient": 0.05}, "updates_per_step": 2},
}


class Device:
    """Stands for a device with memory of its own: what waits on the host is negated, so that it is of no use there."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.fetched: list[int] = []
        self._taken: list[Tensor] = []
        monkeypatch.setattr(offload, "to_host", lambda weights, device: -weights)
        monkeypatch.setattr(offload, "to_device", self._take)

    def _take(self, weights: Tensor, device: torch.device) -> Tensor:
        self.fetched.append(weights.data_ptr())
        self._taken.append(-weights)  # held, so that its address stays taken
        return self._taken[-1]

    def has(self, model: nn.Module) -> bool:
        """Whether any of its weights are here."""
        here = {taken.data_ptr() for taken in self._taken}
        return any(parameter.data_ptr() in here for parameter in model.parameters())

    def moves(self, model: nn.Module) -> int:
        """Times that the whole of a model, which waits now, was fetched since this was last asked."""
        counts = {self.fetched.count(parameter.data_ptr()) for parameter in model.parameters()}
        assert len(counts) == 1, "a part of the model was moved more often than another"
        gone = {parameter.data_ptr() for parameter in model.parameters()}
        self.fetched = [place for place in self.fetched if place not in gone]
        return counts.pop()


def config_of(name: str, folder: Path, where: str) -> dict[str, Any]:
    learned: dict[str, Any] = {"model": {"kind": "local", "path": str(folder)}}
    if name == "anchored":
        learned |= {"transform": "sigmoid_of_difference"}
    return {
        "method": METHODS[name] | {"reward": {"learned": learned}},
        "problems": FEW_PROBLEMS,
        "hardware": {"device": "cpu", "threads": 1, "offload": where},
        "optimisation": {"learning_rate": 1e-3, "micro_batch_tokens": 100},  # several micro-batches
    }


@pytest.mark.parametrize("name", METHODS)
def test_each_moves_once_a_phase_waits_on_the_host_and_changes_no_bit(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = reward_model_folder(tmp_path / "reward", heads=2)
    with ExitStack() as stack:
        parts, training = build(stack, **config_of(name, folder, "none"))
        expected = [training.step(step).metrics for step in (1, 2)]
        heldout = training.evaluate()
        weights = {key: value.clone() for key, value in parts.policy.model.state_dict().items()}
    device, loaded = Device(monkeypatch), watch_reward_models(monkeypatch)
    with ExitStack() as stack:
        parts, training = build(stack, **config_of(name, folder, "frozen"))
        reference, (judge,) = training._reference.model, loaded  # type: ignore[attr-defined]
        assert not device.fetched, "moved before anybody asked"
        # The reference also answers each of the problems, all of which the first step asks: once, to compare with.
        asked = {"ppo": [(1, 1), (1, 1)], "anchored": [(2, 1), (1, 1)], "grpo": [(1, 1), (1, 1)]}[name]
        for step, moves in zip((1, 2), asked, strict=True):
            assert training.step(step).metrics == expected[step - 1]
            assert not device.has(reference)
            assert not device.has(judge)
            assert (device.moves(reference), device.moves(judge)) == moves
        again = training.evaluate()
        assert (device.moves(reference), device.moves(judge)) == (int(name == "anchored"), 1)
    assert heldout is not None
    assert again is not None
    assert again.metrics == heldout.metrics
    assert all(torch.equal(value, weights[key]) for key, value in parts.policy.model.state_dict().items())


def watch_reward_models(monkeypatch: pytest.MonkeyPatch) -> list[nn.Module]:
    """Those loaded from now on."""
    found: list[nn.Module] = []
    load = RewardModel.load

    def watched(*args: Any) -> RewardModel:
        found.append((model := load(*args)).model)
        return model

    monkeypatch.setattr(RewardModel, "load", watched)
    return found


def test_a_refreshed_reference_is_the_policy_of_then() -> None:
    method = GRPO | {"loss": {"kl_coefficient": 0.05, "reference_refresh_steps": 1}}
    found = []
    for where in ("none", "frozen"):
        with ExitStack() as stack:
            hardware = {"device": "cpu", "threads": 1, "offload": where}
            _, training = build(stack, method=method, hardware=hardware, optimisation={"learning_rate": 1e-3})
            found.append([training.step(step).metrics for step in (1, 2)])
    assert found[0] == found[1]
    assert found[0][1]["policy/kl"] == pytest.approx(0, abs=1e-6)


def test_nested_uses_move_once_and_an_error_puts_it_away(monkeypatch: pytest.MonkeyPatch) -> None:
    device, model = Device(monkeypatch), nn.Linear(3, 2)
    before = [parameter.clone() for parameter in model.parameters()]
    weights = FrozenWeights(model, CPU, offload=True)
    with weights.in_use(), weights.in_use():
        assert all(torch.equal(one, other) for one, other in zip(model.parameters(), before, strict=True))
    assert device.moves(model) == 1
    with suppress(RuntimeError), weights.in_use():
        assert device.has(model)
        raise RuntimeError
    assert not device.has(model)


def test_without_offload_nothing_is_moved(monkeypatch: pytest.MonkeyPatch) -> None:
    device, model = Device(monkeypatch), nn.Linear(3, 2)
    places = [parameter.data_ptr() for parameter in model.parameters()]
    with FrozenWeights(model, CPU, offload=False).in_use():
        assert [parameter.data_ptr() for parameter in model.parameters()] == places
    assert not device.fetched
