"""A recipe from its file: stages take over what others saved, and what is done is not done again."""

import json
from pathlib import Path
from typing import Any

import pytest

from tests.training.runs import events, tiny_config
from tests.training.warm_trainer import WarmTrainer
from training.__main__ import BAD_INPUT, DONE, main
from training.config.recipe import Recipe
from training.config.recipes import RECIPES
from training.events import AnyEvent, CheckpointSaved, Finished, Started


def rlhf(**ppo: Any) -> dict[str, Any]:
    """A reward model on built-in rankings, then PPO that it pays: two steps each."""
    quiet = {"every_steps": 0}
    rankings = {"kind": "builtin", "level": "easy", "count": 24}
    reward = {"kind": "reward_model", "rankings": rankings, "rankings_per_step": 4}
    sampling = {"prompts_per_step": 4, "max_tokens": 16}
    method = {"kind": "ppo", "sampling": sampling, "epochs": 1}
    return {
        "name": "RLHF",
        "stages": [
            {"name": "reward-model", "run": tiny_config(steps=2, method=reward, evaluation=quiet)},
            {
                "name": "ppo",
                "run": tiny_config(steps=2, method=method, evaluation=quiet, **ppo),
                "reward_model_from": {"stage": "reward-model"},
            },
        ],
    }


def train(path: Path, recipe: dict[str, Any], monkeypatch: pytest.MonkeyPatch) -> int:
    monkeypatch.setattr("training.recipe.launch", lambda count, arguments: WarmTrainer(arguments).wait())
    path.write_text(json.dumps(recipe))
    return main(["recipe", str(path), "--out", str(path.parent / "out")])


def test_a_published_recipe_is_trained_by_its_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    trained: list[Recipe] = []
    monkeypatch.setattr("training.__main__.train_recipe", lambda recipe, out: trained.append(recipe) or DONE)
    assert main(["recipe", "rlhf", "--out", str(tmp_path)]) == DONE
    assert main(["recipe", "rlhf", "--size", "full", "--out", str(tmp_path)]) == DONE
    assert trained == [RECIPES["rlhf"].recipe("builtin"), RECIPES["rlhf"].recipe("full")]


def starts(folder: Path) -> int:
    return sum(event.kind == "started" for event in events(folder))


def test_a_failed_stage_is_corrected_and_the_one_before_it_is_not_trained_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    path, out = tmp_path / "rlhf.json", tmp_path / "out"
    nowhere = {"kind": "file", "path": "/nowhere.jsonl"}
    assert train(path, rlhf(problems=nowhere), monkeypatch) == BAD_INPUT
    assert events(out / "reward-model")[-1].kind == "finished"
    assert train(path, rlhf(), monkeypatch) == DONE
    stored = json.loads((out / "ppo" / "config.json").read_text())
    saved = out / "reward-model" / "checkpoints" / "step_000002"
    assert stored["method"]["reward"]["learned"]["model"] == {"kind": "local", "path": str(saved)}
    assert (out / "ppo" / "checkpoints" / "step_000002").is_dir()
    assert train(path, rlhf(), monkeypatch) == DONE  # nothing is left to do
    assert (starts(out / "reward-model"), starts(out / "ppo")) == (1, 1)

    assert train(path, rlhf(seed=5), monkeypatch) == BAD_INPUT
    assert "the stage ppo is done, with another config" in capsys.readouterr().err


def test_a_stage_is_not_built_on_a_model_that_has_been_replaced(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    path, out = tmp_path / "rlhf.json", tmp_path / "out"
    told: dict[str, list[AnyEvent]] = {
        "ppo": [Started(step=0, at=1.0, attempt=1, total_steps=2)],
        "reward-model": [
            CheckpointSaved(step=2, at=1.5, path="checkpoints/step_000002", size=1),
            Finished(step=2, at=2.0, reason="done"),
        ],
    }
    for name, said in told.items():
        (out / name).mkdir(parents=True)
        (out / name / "events.jsonl").write_text("".join(event.model_dump_json() + "\n" for event in said))
    (out / "reward-model" / "config.json").write_text(json.dumps(rlhf()["stages"][0]["run"]))
    (out / "reward-model" / "checkpoints" / "step_000002").mkdir(parents=True)
    assert train(path, rlhf(), monkeypatch) == BAD_INPUT
    assert "began with what reward-model was before it was trained anew" in capsys.readouterr().err
