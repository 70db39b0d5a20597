"""A preflight is asked and answered through a folder, by the real trainer."""

import json
import uuid
from pathlib import Path

import pytest
from django.conf import settings

from training.config import RunConfig
from training.config.presets import SMOKE
from workers.preflight import preflight

pytestmark = pytest.mark.processes


def ask(config: RunConfig) -> tuple[str, Path]:
    key = str(uuid.uuid4())
    folder = Path(settings.PREFLIGHTS_DIR) / key
    folder.mkdir(parents=True)
    (folder / "config.json").write_text(config.model_dump_json())
    return key, folder


def test_a_preflight_leaves_its_report() -> None:
    key, folder = ask(SMOKE.config)
    preflight(key)
    report = json.loads((folder / "report.json").read_text())
    assert report["method"] == "grpo"
    assert not (folder / "error.txt").exists()
    (folder / "report.json").write_text("{}")
    preflight(key)
    assert (folder / "report.json").read_text() == "{}"


def test_a_preflight_that_cannot_be_says_why() -> None:
    key, folder = ask(SMOKE.config)
    (folder / "config.json").write_text('{"steps": 0}')
    preflight(key)
    assert "steps: Input should be greater than or equal to 1" in (folder / "error.txt").read_text()
    assert not (folder / "report.json").exists()


def test_of_rankings_the_lengths_are_looked_at() -> None:
    rankings = {"kind": "builtin", "level": "easy", "count": 16}
    key, folder = ask(RunConfig.model_validate({"method": {"kind": "dpo", "rankings": rankings, "max_length": 20}}))
    preflight(key)
    report = json.loads((folder / "report.json").read_text())
    assert (report["method"], report["labels"], report["prompts"], len(report["lengths"])) == ("dpo", 16, 16, 16)
    assert report["warnings"][0]["message"].endswith("of the ranked prompts are longer than max_length and will be "
                                                     "left out.")  # fmt: skip


@pytest.mark.django_db
def test_labels_that_are_not_there_are_missed_before_a_trainer_starts() -> None:
    rankings = {"kind": "project", "slug": "gone"}
    key, folder = ask(RunConfig.model_validate({"method": {"kind": "reward_model", "rankings": rankings}}))
    preflight(key)
    assert (folder / "error.txt").read_text() == "the labeling project 'gone' is gone"


def test_a_key_that_is_no_key_goes_nowhere() -> None:
    with pytest.raises(ValueError, match="badly formed"):
        preflight("../../runs/1")
    preflight(str(uuid.uuid4()))
