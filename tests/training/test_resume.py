"""Crashes and stops of a real trainer process."""

import signal
import time
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file

from tests.training.methods.parts import reward_model_folder
from tests.training.runs import events, finish, kill_when, new_run, rows, start, tiny_config
from training.checkpoints import UNFINISHED

pytestmark = pytest.mark.processes


SAMPLING = {"prompts_per_step": 4, "samples_per_prompt": 4, "max_tokens": 32}
METHODS: dict[str, dict[str, Any]] = {
    "grpo": {
        "kind": "grpo",
        "sampling": SAMPLING,
        "dynamic_sampling": {"enabled": True, "max_rounds": 2},
        "loss": {"kl_coefficient": 0.01, "reference_refresh_steps": 2},
        "updates_per_step": 2,
    },
    "ppo": {
        "kind": "ppo",
        "sampling": SAMPLING | {"samples_per_prompt": 1},
        "kl": {"control": "adaptive", "horizon": 100},
        "updates_per_step": 2,
        "epochs": 2,
    },
}


@pytest.mark.parametrize("name", METHODS)
def test_a_killed_and_resumed_run_says_and_learns_the_same_to_the_last_bit(tmp_path: Path, name: str) -> None:
    """Killed before its first checkpoint and after its second; reference, dynamic sampling and several updates on.

    With PPO, a learned reward that is compared with the reference's.
    """
    method = METHODS[name]
    if name == "ppo":
        model = {"kind": "local", "path": str(reward_model_folder(tmp_path / "reward"))}
        method = method | {"reward": {"learned": {"model": model, "transform": "sigmoid_of_difference"}}}
    config = tiny_config(method=method)
    undisturbed, disturbed = (new_run(tmp_path / name, config) for name in ("undisturbed", "disturbed"))
    steady = start(undisturbed)
    kill_when(start(disturbed), disturbed, '"kind":"phase","phase":"updating"')
    kill_when(start(disturbed), disturbed, '{"step":5,')
    finish(start(disturbed))
    finish(steady)

    assert rows(disturbed) == rows(undisturbed)
    for name in ("model.safetensors", "trainer_state.pt"):
        of_step = Path("checkpoints/step_000006") / name
        read = load_file if name.endswith("safetensors") else _load_state
        assert_identical(read(undisturbed / of_step), read(disturbed / of_step))
    assert not list((disturbed / "checkpoints").glob(f"{UNFINISHED}*"))


@pytest.mark.parametrize("kind", ["reward_model", "dpo"])
def test_learning_from_rankings_resumes_to_the_last_bit(tmp_path: Path, kind: str) -> None:
    """The shift of saved rewards and the reference's log-probabilities must not leak into what is learned."""
    rankings = {"kind": "builtin", "level": "easy", "count": 32}
    method = {"kind": kind, "rankings": rankings, "rankings_per_step": 6, "max_length": 128, "heldout_share": 0.2}
    config = tiny_config(method=method | ({"heads": 2, "centering": 0.5} if kind == "reward_model" else {}))
    undisturbed, disturbed = (new_run(tmp_path / name, config) for name in ("undisturbed", "disturbed"))
    steady = start(undisturbed)
    kill_when(start(disturbed), disturbed, '{"step":5,')
    if kind == "dpo":  # computed again, by the model that the run started from
        (disturbed / "reference_logprobs.pt").unlink()
    finish(start(disturbed))
    finish(steady)
    assert rows(disturbed) == rows(undisturbed)
    of_step = Path("checkpoints/step_000006")
    assert_identical(load_file(undisturbed / of_step / "model.safetensors"),
                     load_file(disturbed / of_step / "model.safetensors"))  # fmt: skip
    assert_identical(
        _load_state(undisturbed / of_step / "trainer_state.pt"), _load_state(disturbed / of_step / "trainer_state.pt")
    )
    assert (undisturbed / of_step / "config.json").read_text() == (disturbed / of_step / "config.json").read_text()


def test_sigterm_ends_the_run_after_a_step_with_a_checkpoint_to_go_on_from(tmp_path: Path) -> None:
    folder = new_run(tmp_path / "run", tiny_config(steps=10_000, checkpoints={"every_steps": 0}))
    process = start(folder)
    while not any(event.kind == "metrics" and event.step >= 2 for event in events(folder)):
        assert process.poll() is None
        time.sleep(0.05)
    process.send_signal(signal.SIGTERM)
    finish(process)
    last = events(folder)[-1]
    assert last.kind == "finished"
    assert last.reason == "stopped"
    assert last.step >= 2
    assert (folder / last.checkpoint / "model.safetensors").is_file()


def test_a_second_signal_ends_it_at_once(tmp_path: Path) -> None:
    sampling = {"prompts_per_step": 512, "samples_per_prompt": 16, "max_tokens": 512}  # a step of many seconds
    config = tiny_config(method={"kind": "grpo", "sampling": sampling}, evaluation={"every_steps": 0})
    folder = new_run(tmp_path / "run", config)
    process = start(folder)
    while not any(event.kind == "phase" and event.phase == "sampling" for event in events(folder)):
        assert process.poll() is None
        time.sleep(0.05)
    process.send_signal(signal.SIGTERM)
    time.sleep(1.2)
    assert process.poll() is None
    process.send_signal(signal.SIGTERM)
    finish(process, code=128 + signal.SIGTERM)


def assert_identical(one: object, other: object) -> None:
    """Equal values everywhere, tensors bit by bit."""
    if isinstance(one, torch.Tensor):
        assert isinstance(other, torch.Tensor)
        assert torch.equal(one, other)
    elif isinstance(one, dict):
        assert isinstance(other, dict)
        assert one.keys() == other.keys()
        for key in one:
            assert_identical(one[key], other[key])
    elif isinstance(one, list):
        assert isinstance(other, list)
        assert len(one) == len(other)
        for left, right in zip(one, other, strict=True):
            assert_identical(left, right)
    else:
        assert one == other


def _load_state(path: Path) -> dict[str, object]:
    state = torch.load(path, weights_only=True)
    assert isinstance(state, dict)
    return state
