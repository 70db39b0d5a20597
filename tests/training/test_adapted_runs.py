"""Runs that train an adapter: every method learns, goes on where it was, and leaves a model that stands alone."""

import shutil
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file

from tests.training.runs import new_run, rows, tiny_config
from tests.training.test_resume import assert_identical
from training.adapter import FOLDER, WEIGHTS_FILE
from training.builtin import MODEL_DIR
from training.config import RunConfig
from training.run import run

SAMPLING = {"prompts_per_step": 4, "samples_per_prompt": 2, "max_tokens": 16}
RANKINGS = {
    "rankings": {"kind": "builtin", "level": "easy", "count": 12},
    "rankings_per_step": 4,
    "max_length": 128,
    "heldout_share": 0.2,
}
METHODS: dict[str, dict[str, Any]] = {
    "sft": {"sequences_per_step": 8},
    "grpo": {"sampling": SAMPLING, "loss": {"kl_coefficient": 0.01, "reference_refresh_steps": 1}},
    "ppo": {"sampling": SAMPLING | {"samples_per_prompt": 1, "prompts_per_step": 8, "max_tokens": 32}},
    "deepsearch": {
        "sampling": SAMPLING | {"max_tokens": 32},
        "search": {"width": 2, "max_depth": 4, "max_expansions": 4},
    },
    "srl": {"sampling": SAMPLING},
    "reward_model": RANKINGS | {"heads": 2},
    "dpo": RANKINGS,
}


@pytest.mark.parametrize("name", METHODS)
def test_every_method_trains_an_adapter_and_goes_on_with_it(tmp_path: Path, name: str) -> None:
    method = {"kind": name} | METHODS[name]
    values = tiny_config(
        steps=2,
        method=method,
        adapter={"kind": "lora", "rank": 4},
        optimisation={"learning_rate": 1e-2},
        evaluation={"every_steps": 0},
        checkpoints={"every_steps": 1, "keep_last": 2},
    )
    config = RunConfig.model_validate(values)
    undisturbed = new_run(tmp_path / "undisturbed", values)
    assert run(config, undisturbed) == "done"
    disturbed = tmp_path / "disturbed"
    shutil.copytree(undisturbed, disturbed)
    last = Path("checkpoints/step_000002")
    shutil.rmtree(disturbed / last)  # as though killed in its second step
    assert run(config, disturbed) == "done"

    removed = ("checkpoint_removed", 2, "")
    assert {key: value for key, value in rows(disturbed).items() if key != removed} == rows(undisturbed)
    for file in ("model.safetensors", f"{FOLDER}/{WEIGHTS_FILE}"):
        assert_identical(load_file(undisturbed / last / file), load_file(disturbed / last / file))
    states = [torch.load(each / last / "trainer_state.pt", weights_only=True) for each in (undisturbed, disturbed)]
    assert_identical(*states)
    merged, began = load_file(undisturbed / last / "model.safetensors"), load_file(MODEL_DIR / "model.safetensors")
    moved = [key for key in began if not torch.equal(merged[key], began[key].float())]
    assert moved
    assert all("_proj.weight" in key for key in moved)  # as the adapter is on all layers, and on them alone


def test_a_run_starts_from_what_an_adapter_was_merged_into(tmp_path: Path) -> None:
    values = tiny_config(
        steps=1,
        method={"kind": "sft", "sequences_per_step": 4},
        adapter={"kind": "lora", "rank": 4},
        evaluation={"every_steps": 0},
    )
    first, second = (new_run(tmp_path / name, values) for name in ("first", "second"))
    run(RunConfig.model_validate(values), first)
    last = first / "checkpoints/step_000001"
    later = RunConfig.model_validate(values | {"model": {"kind": "local", "path": str(last)}})
    assert run(later, second) == "done"
    with pytest.raises(AssertionError):
        assert_identical(*(load_file(each / "checkpoints/step_000001/model.safetensors") for each in (first, second)))
