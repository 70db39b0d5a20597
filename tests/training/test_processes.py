"""Two real processes against one: each with all weights, and each with its slice of them."""

import json
import shutil
import signal
import threading
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from safetensors.torch import load_file

from tests.training.methods.parts import reward_model_folder
from tests.training.ranks import train
from tests.training.runs import events, new_run, rows, tiny_config
from tests.training.warm_trainer import WarmTrainer
from training.events import CheckpointSaved
from training.launch import launch

pytestmark = pytest.mark.processes

RANKINGS = {"kind": "builtin", "level": "easy", "count": 32}
SAMPLING = {"prompts_per_step": 4, "samples_per_prompt": 2, "max_tokens": 24}
# GRPO's loop is a part of DeepSearch's and PPO's, and DPO reads rankings as reward models do.
METHODS: dict[str, dict[str, Any]] = {
    "grpo": {
        "kind": "grpo",
        "sampling": SAMPLING | {"samples_per_prompt": 4},
        "loss": {"kl_coefficient": 0.01, "reference_refresh_steps": 2},
        "updates_per_step": 2,
    },
    "sft": {"kind": "sft", "sequences_per_step": 6, "max_length": 256},
    "dpo": {"kind": "dpo", "rankings": RANKINGS, "rankings_per_step": 4},
    "deepsearch": {
        "kind": "deepsearch",
        "sampling": SAMPLING | {"max_tokens": 48},
        "search": {"width": 3, "max_depth": 6},
        "hard_subset": {"enabled": True, "samples": 2, "threshold": 1.0, "phase_steps": 2, "smallest": 8},
        "cache": {"fill": "at_once", "most_used": 2},
    },
    "ppo": {
        "kind": "ppo",
        "sampling": SAMPLING,
        "reward": {"missing_end": 0.5},
        "kl": {"control": "adaptive"},
        "updates_per_step": 2,
        "epochs": 2,
    },
    "reward_model": {"kind": "reward_model", "rankings": RANKINGS, "rankings_per_step": 4, "ties": "rao_kupper"},
}
SELECTIONS = {"sft": {"kind": "rejection_sampling", "samples": 2, "max_tokens": 40}}
WAYS: dict[str, dict[str, Any]] = {
    "alone": {},
    "two": {"processes": 2},
    "shared": {"processes": 2, "sharding": "fsdp2"},
}
TRAINED = [
    ("grpo", "shared"),
    ("sft", "shared"),
    ("dpo", "shared"),
    ("deepsearch", "shared"),
    ("ppo", "shared"),
    ("reward_model", "shared"),
    ("ppo", "two"),
    ("reward_model", "two"),
]
LAST = 3
MEETING = ("MASTER_ADDR", "MASTER_PORT", "WORLD_SIZE", "RANK", "LOCAL_RANK")


def config_of(method: str, way: str, judge: Path) -> dict[str, Any]:
    learned = {"learned": {"model": {"kind": "local", "path": str(judge)}, "transform": "sigmoid_of_difference"}}
    return tiny_config(
        steps=LAST,
        problems={"kind": "builtin", "level": "easy", "train_count": 24, "heldout_count": 4},
        selection=SELECTIONS.get(method, {"kind": "all"}),
        method=METHODS[method] | ({"reward": learned} if method == "ppo" else {}),
        hardware={"device": "cpu", "threads": 1} | WAYS[way],
        optimisation={"learning_rate": 3e-5, "micro_batch_tokens": 256},
        evaluation={"every_steps": LAST, "problems": 2, "samples": 1, "max_tokens": 24},
        checkpoints={"every_steps": 1, "keep_last": 2},
    )


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> dict[tuple[str, str], Path]:
    """Every method alone and in two processes, from start to end."""
    place = tmp_path_factory.mktemp("runs")
    judge = reward_model_folder(place / "reward", heads=2)
    wanted = sorted({*TRAINED, *((method, "alone") for method, _ in TRAINED)})
    made = {(m, way): new_run(place / f"{m}-{way}", config_of(m, way, judge)) for m, way in wanted}
    train(list(made.values()))
    return made


def assert_the_same(one: Path, two: Path) -> None:
    """Sampled texts are equal; figures agree to 1e-5, since sums are taken in another order."""
    left, right = ({k: v for k, v in rows(run).items() if k[0] != "checkpoint_removed"} for run in (one, two))
    assert left.keys() == right.keys()
    for key, value in left.items():
        if key[0] == "metric":
            assert right[key] == pytest.approx(value, abs=1e-5, rel=1e-5), key
        elif key[0] == "group":
            texts = ([rollout["text"] for rollout in group["rollouts"]] for group in (value, right[key]))
            assert next(texts) == next(texts)


@pytest.mark.parametrize(("method", "way"), TRAINED)
def test_two_processes_sample_the_same_and_learn_the_same(
    runs: dict[tuple[str, str], Path], method: str, way: str
) -> None:
    assert_the_same(runs[method, "alone"], runs[method, way])


def test_shared_weights_are_saved_whole_as_one_process_saves_them(runs: dict[tuple[str, str], Path]) -> None:
    alone, shared = (runs["grpo", way] / f"checkpoints/step_{LAST:06d}" for way in ("alone", "shared"))
    assert {path.name for path in alone.iterdir()} == {path.name for path in shared.iterdir()}
    assert (alone / "config.json").read_text() == (shared / "config.json").read_text()
    one, two = (load_file(folder / "model.safetensors") for folder in (alone, shared))
    assert one.keys() == two.keys()
    assert all(torch.allclose(one[name], two[name], atol=1e-5) for name in one)


@pytest.mark.parametrize(("before", "after"), [("shared", "alone"), ("alone", "shared")])
def test_a_run_goes_on_in_another_number_of_processes(
    runs: dict[tuple[str, str], Path], tmp_path: Path, before: str, after: str
) -> None:
    """Moments, reference and data order are those of the checkpoint, whoever wrote it."""
    folder = tmp_path / "run"
    shutil.copytree(runs["grpo", before], folder)
    shutil.rmtree(folder / f"checkpoints/step_{LAST:06d}")
    shutil.copy(runs["grpo", after] / "config.json", folder)
    train([folder])
    assert_the_same(runs["grpo", "alone"], folder)


def test_a_killed_rank_ends_the_run_in_words_and_it_goes_on_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    config = config_of("grpo", "shared", tmp_path) | {"steps": 10_000, "evaluation": {"every_steps": 0}}
    folder = new_run(tmp_path / "run", config)
    ranks: list[WarmTrainer] = []

    def start(command: Sequence[str], env: Mapping[str, str], **_: Any) -> WarmTrainer:
        """In place of python that has to import torch first."""
        ranks.append(WarmTrainer(command[3:], {name: env[name] for name in MEETING}))
        return ranks[-1]

    def kill() -> None:
        deadline = time.monotonic() + 200
        while time.monotonic() < deadline and not any(isinstance(event, CheckpointSaved) for event in events(folder)):
            time.sleep(0.05)
        ranks[1].kill()

    monkeypatch.setattr("training.launch.subprocess", SimpleNamespace(Popen=start))
    handlers = {number: signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGINT)}
    killer = threading.Thread(target=kill)
    killer.start()
    try:
        assert launch(2, ["run", str(folder)]) == 128 + signal.SIGKILL
    finally:
        killer.join()
        for number, handler in handlers.items():
            signal.signal(number, handler)
    assert capfd.readouterr().err.splitlines()[-1] == "rank 1 of 2 processes ended first"
    assert [rank.returncode is not None for rank in ranks] == [True, True]

    reached = max(event.step for event in events(folder) if isinstance(event, CheckpointSaved))
    alone = config | {"steps": reached + 1, "hardware": config["hardware"] | {"processes": 1}}
    (folder / "config.json").write_text(json.dumps(alone))
    train([folder])
    assert (events(folder)[-1].kind, events(folder)[-1].step) == ("finished", reached + 1)
