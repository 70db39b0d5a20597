"""Two real processes against one."""

from pathlib import Path

import pytest

from tests.training.methods.parts import reward_model_folder
from tests.training.runs import finish, new_run, rows, start, tiny_config

pytestmark = pytest.mark.processes

RANKINGS = {"kind": "builtin", "level": "easy", "count": 32}
# GRPO's loop is a part of DeepSearch's and PPO's, and DPO reads rankings as reward models do.
METHODS = {
    "deepsearch": {
        "kind": "deepsearch",
        "sampling": {"prompts_per_step": 4, "samples_per_prompt": 4, "max_tokens": 48},
        "search": {"width": 3, "max_depth": 6},
        "hard_subset": {"enabled": True, "samples": 2, "threshold": 1.0, "phase_steps": 2, "smallest": 8},
        "cache": {"fill": "at_once", "most_used": 2},
    },
    "ppo": {
        "kind": "ppo",
        "sampling": {"prompts_per_step": 4, "samples_per_prompt": 2, "max_tokens": 32},
        "reward": {"missing_end": 0.5},
        "kl": {"control": "adaptive"},
        "updates_per_step": 2,
        "epochs": 2,
    },
    "sft": {"kind": "sft", "sequences_per_step": 6, "max_length": 256},
    "reward_model": {"kind": "reward_model", "rankings": RANKINGS, "rankings_per_step": 6, "ties": "rao_kupper"},
}
SELECTIONS = {"sft": {"kind": "rejection_sampling", "samples": 3, "max_tokens": 40}}


@pytest.mark.parametrize("method", METHODS)
def test_two_processes_sample_the_same_and_learn_the_same(tmp_path: Path, method: str) -> None:
    """Sampled texts are equal; figures agree to 1e-5, since sums are taken in another order."""
    folders = {}
    judge = reward_model_folder(tmp_path / "reward", heads=2) if method == "ppo" else None
    learned = {"learned": {"model": {"kind": "local", "path": str(judge)}, "transform": "sigmoid_of_difference"}}
    for processes in (1, 2):
        config = tiny_config(
            steps=3,
            selection=SELECTIONS.get(method, {"kind": "all"}),
            method=METHODS[method] | ({"reward": learned} if method == "ppo" else {}),
            hardware={"device": "cpu", "threads": 1, "processes": processes},
            optimisation={"learning_rate": 1e-4, "micro_batch_tokens": 256},
        )
        folders[processes] = new_run(tmp_path / f"{method}-{processes}", config)
    for running in [start(folder) for folder in folders.values()]:
        finish(running)
    one, two = rows(folders[1]), rows(folders[2])
    assert one.keys() == two.keys()
    for key, value in one.items():
        if key[0] == "metric":
            assert two[key] == pytest.approx(value, abs=1e-5, rel=1e-5), key
        elif key[0] == "group":
            texts = ([rollout["text"] for rollout in group["rollouts"]] for group in (value, two[key]))
            assert next(texts) == next(texts)


def test_when_one_process_fails_none_is_left_waiting(tmp_path: Path) -> None:
    config = tiny_config(
        problems={"kind": "file", "path": "nowhere.jsonl"}, hardware={"device": "cpu", "threads": 1, "processes": 2}
    )
    errors = finish(start(new_run(tmp_path / "run", config)), code=2)
    assert "there is no problem set at" in errors
