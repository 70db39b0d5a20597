"""A run that games its reward ends by itself, keeps the checkpoint before the alarm, and can be gone on with."""

from pathlib import Path
from typing import Any

import torch

from tests.training.runs import events, new_run, tiny_config
from training.__main__ import DONE, main
from training.builtin import MODEL_DIR
from training.events import Alert, Finished, Metrics
from training.overoptimisation.monitor import STOPPED
from training.overoptimisation.signals import WINDOW
from training.reward_model import RewardModel
from training.sources import load_folder


def config(judge: Path, **watch: Any) -> dict[str, Any]:
    return tiny_config(
        steps=6,
        method={
            "kind": "grpo",
            "sampling": {"prompts_per_step": 4, "samples_per_prompt": 4, "max_tokens": 16},
            "reward": {"accuracy": 0.0, "learned": {"model": {"kind": "local", "path": str(judge)}}},
            "overoptimisation": {"length_growth": None, "length_correlation": None, "kl_budget": 1e-3} | watch,
        },
        optimisation={"learning_rate": 3e-3},
        checkpoints={"every_steps": 1, "keep_last": 1, "keep_best": False},
        evaluation={"every_steps": 0},
    )


def kept(folder: Path) -> list[str]:
    return sorted(path.name for path in (folder / "checkpoints").glob("step_*"))


def test_it_stops_once_names_and_keeps_the_last_good_checkpoint_and_goes_on_when_resumed(tmp_path: Path) -> None:
    policy, tokenizer = load_folder(MODEL_DIR, torch.device("cpu"))
    judge = tmp_path / "judge"
    RewardModel.from_policy(policy, heads=2).save(judge)
    tokenizer.save_pretrained(judge)

    folder = new_run(tmp_path / "run", config(judge, action="stop"))
    assert main(["run", str(folder)]) == DONE
    said = events(folder)
    (stop,) = [event for event in said if isinstance(event, Alert) and event.code == STOPPED]
    assert stop.step == WINDOW
    assert f"The last good checkpoint is that of step {WINDOW - 1}; it is kept." in stop.message
    assert isinstance(said[-1], Finished)
    assert (said[-1].reason, said[-1].step) == ("stopped", WINDOW)
    assert kept(folder) == [f"step_{step:06d}" for step in (WINDOW - 1, WINDOW)]
    assert any("text/repeated_share" in event.values for event in said if isinstance(event, Metrics))

    assert main(["run", str(folder)]) == DONE
    said = events(folder)
    assert isinstance(said[-1], Finished)
    assert (said[-1].reason, said[-1].step) == ("done", 6)
    assert sum(isinstance(event, Alert) and event.code == STOPPED for event in said) == 1
    assert kept(folder) == [f"step_{step:06d}" for step in (WINDOW - 1, 6)]
