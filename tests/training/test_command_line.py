"""What the command line says and with which exit code."""

import json
from pathlib import Path
from typing import Any

import pytest
import torch

from tests.training.runs import new_run, tiny_config
from training.__main__ import BAD_INPUT, DONE, main
from training.reward_model import RewardModel


def refused(capsys: pytest.CaptureFixture[str], *arguments: str) -> str:
    assert main(arguments) == BAD_INPUT
    errors = capsys.readouterr().err
    assert "Traceback" not in errors
    return errors


@pytest.mark.parametrize(
    ("config", "said"),
    [
        ({"steps": 0, "sped": 1}, ["steps: Input should be greater than or equal to 1", "sped: Extra inputs"]),
        ({"model": {"kind": "local", "path": "/nowhere"}}, ["/nowhere is no Hugging Face model folder"]),
        ({"model": {"kind": "checkpoint", "run": 7, "step": 3}}, ["run 7 has no checkpoint of step 3"]),
        ({"problems": {"kind": "imported", "slug": "gone"}}, ["there is no problem set at", "gone.jsonl"]),
        ({"problems": {"kind": "file", "path": "bad.jsonl"}}, ["bad.jsonl, line 2", "not JSON"]),
        ({"problems": {"kind": "file", "path": "heldout.jsonl"}}, ["has no training problems"]),
        (
            {"problems": {"kind": "file", "path": "bare.jsonl"}, "method": {"kind": "sft"}},
            ["none of the training problems has a worked solution", "train with grpo"],
        ),
        ({"hardware": {"device": "cuda"}}, ["no GPU was found"]),
        (
            {"method": {"kind": "reward_model", "rankings": {"kind": "project", "slug": "helpful"}}},
            ["the labels of the project helpful are not in", "start the run from the web"],
        ),
        (
            {"method": {"kind": "dpo", "rankings": {"kind": "file", "path": "bad.jsonl"}}},
            ["bad.jsonl, line 1: responses: Field required"],
        ),
        (
            {"method": {"kind": "dpo", "rankings": {"kind": "file", "path": "one.jsonl"}, "heldout_share": 0.9}},
            ["all 1 labels are held out", "lower heldout_share"],
        ),
        (
            {"method": {"kind": "dpo", "rankings": {"kind": "file", "path": "tied.jsonl"}, "heldout_share": 0}},
            ["no label prefers one response to another"],
        ),
        (
            {
                "method": {
                    "kind": "reward_model",
                    "rankings": {"kind": "file", "path": "one.jsonl"},
                    "heldout_share": 0,
                    "max_length": 8,
                }
            },
            ["all 1 ranked prompts have a response longer than max_length (8 tokens)"],
        ),
    ],
)
def test_bad_input_is_refused_in_a_sentence(
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    config: dict[str, Any],
    said: list[str],
) -> None:
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 0)
    folder = new_run(tmp_path / "run", tiny_config(**config))
    problem = {"id": "1", "prompt": "1+1?", "answer": "2", "level": "", "split": "train"}
    (folder / "bad.jsonl").write_text(json.dumps(problem) + "\n{nonsense\n")
    (folder / "bare.jsonl").write_text(json.dumps(problem) + "\n")
    (folder / "heldout.jsonl").write_text(json.dumps(problem | {"split": "heldout"}) + "\n")
    label = {"prompt": "1+1?", "responses": ["2", "3"], "ranks": [1, 2]}
    (folder / "one.jsonl").write_text(json.dumps(label) + "\n")
    (folder / "tied.jsonl").write_text(json.dumps(label | {"ranks": [1, 1]}) + "\n")
    errors = refused(capsys, "run", str(folder))
    for part in said:
        assert part in errors


def test_a_folder_without_a_config_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert "holds no config" in refused(capsys, "run", str(tmp_path))
    assert "there is no folder" in refused(capsys, "run", str(tmp_path / "nowhere"))


def test_check_says_what_a_config_would_do(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "config.yaml"
    path.write_text("steps: 3\nmethod:\n  kind: grpo\n  sampling:\n    prompts_per_step: 6\n")
    assert main(["check", str(path)]) == DONE
    assert "6 prompts × 8 samples = 48 responses a step" in capsys.readouterr().out


def test_preflight_samples_and_reports(tmp_path: Path) -> None:
    folder = new_run(tmp_path / "run", tiny_config())
    out = tmp_path / "report.json"
    assert main(["preflight", str(folder / "config.json"), "--out", str(out)]) == DONE
    report = json.loads(out.read_text())
    assert (report["prompts"], report["responses"]) == (16, 64)
    assert sum(report["histogram"]["counts"]) == 64
    assert report["histogram"]["edges"][-1] == report["max_tokens"] == 32
    right = sum(response["correct"] is True for sample in report["samples"] for response in sample["responses"])
    assert report["accuracy"] == right / 64
    cut = sum(r["finish_reason"] == "length" for sample in report["samples"] for r in sample["responses"])
    assert report["truncated_share"] == cut / 64
    assert report["warnings"] == [] or all(warning["advice"] for warning in report["warnings"])


def test_preflight_of_fine_tuning_measures_the_solutions(tmp_path: Path) -> None:
    folder = new_run(tmp_path / "run", tiny_config(method={"kind": "sft", "max_length": 40}))
    out = tmp_path / "report.json"
    assert main(["preflight", str(folder / "config.json"), "--out", str(out)]) == DONE
    report = json.loads(out.read_text())
    assert report["solutions"] == 64
    assert report["too_long_share"] == sum(length > 40 for length in report["lengths"]) / 64


def test_a_reward_model_is_trained_from_a_file_and_no_policy_can_be_loaded_from_it(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    labels = [{"prompt": f"{n}+1?", "responses": [f"{n + 1}", "no"], "ranks": [1, 2]} for n in range(12)]
    method = {"kind": "reward_model", "rankings": {"kind": "file", "path": "labels.jsonl"}, "rankings_per_step": 4}
    folder = new_run(tmp_path / "run", tiny_config(steps=1, method=method))
    (folder / "labels.jsonl").write_text("".join(json.dumps(label) + "\n" for label in labels))
    assert main(["run", str(folder)]) == DONE
    stored = folder / "checkpoints" / "step_000001"
    assert RewardModel.load(stored, torch.device("cpu")).heads == 1
    assert (stored / "tokenizer.json").is_file()
    other = new_run(tmp_path / "other", tiny_config(model={"kind": "local", "path": str(stored)}))
    assert "is a reward model, which scores responses and writes none" in refused(capsys, "run", str(other))
