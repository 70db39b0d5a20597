"""What the form finds out of a reward model before anything loads."""

import json
import shutil
from pathlib import Path
from typing import Any

import pytest
from django.utils import timezone

from training.builtin import MODEL_DIR
from training.config import RunConfig
from webapp.runs.config_forms import Fault
from webapp.runs.configure.checks import advice_on, faults_of
from webapp.runs.configure.facts import facts_of
from webapp.runs.configure.forms import as_posted, checked_form, run_form
from webapp.runs.configure.preview import preview_of
from webapp.runs.configure.starting import Start
from webapp.runs.knobs import values_of
from webapp.runs.models import Checkpoint, Run
from webapp.runs.services import missing_sources

pytestmark = pytest.mark.django_db
RUN = {"name": "a run", "problems": "x", "config": {}}


@pytest.fixture
def judge(tmp_path: Path) -> Path:
    """A folder that looks like a reward model of the built-in family."""
    folder = Path(shutil.copytree(MODEL_DIR, tmp_path / "judge"))
    change(folder, architectures=["Qwen2ForSequenceClassification"])
    return folder


def change(folder: Path, **entries: Any) -> None:
    path = folder / "config.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | entries))


def config(model: dict[str, Any], kind: str = "grpo", **reward: Any) -> RunConfig:
    method = {"kind": kind, "reward": {"learned": {"model": model}} | reward}
    return RunConfig.model_validate({"method": method})


def faults(given: RunConfig) -> list[Fault]:
    return faults_of(given, facts_of(given))


def local(path: Path | str) -> dict[str, Any]:
    return {"kind": "local", "path": str(path)}


@pytest.mark.parametrize("kind", ["grpo", "deepsearch", "ppo"])
def test_a_reward_model_in_a_folder_is_taken(judge: Path, kind: str) -> None:
    assert faults(config(local(judge), kind)) == []


def test_a_policy_and_a_folder_without_what_is_needed_are_refused(judge: Path, tmp_path: Path) -> None:
    knob = ("method.grpo.reward.learned.model.local.path",)
    cases = {
        MODEL_DIR: "This is a policy, which writes and does not judge",
        tmp_path / "nowhere": "There is no folder",
        tmp_path: "no config.json",
        Path("judge"): "Give the whole path",
    }
    for folder, words in cases.items():
        (fault,) = faults(config(local(folder)))
        assert words in fault.message
        assert fault.about == knob
    (judge / "tokenizer.json").unlink()
    (fault,) = faults(config(local(judge)))
    assert "no tokenizer" in fault.message


def test_a_reward_model_of_another_vocabulary_is_refused(judge: Path) -> None:
    change(judge, vocab_size=77)
    (fault,) = faults(config(local(judge), "ppo"))
    assert "reads 77 tokens" in fault.message


def test_a_checkpoint_must_be_there_and_hold_a_reward_model(judge: Path) -> None:
    run = Run.objects.create(**RUN, method="reward_model")
    given = config({"kind": "checkpoint", "run": run.pk, "step": 7})
    assert "no checkpoint (any more)" in faults(given)[0].message
    checkpoint = Checkpoint.objects.create(run=run, step=5, path="checkpoints/step_000005", size=1,
                                           saved_at=timezone.now())  # fmt: skip
    (fault,) = faults(given)
    assert [fix.values for fix in fault.fixes] == [{"method.grpo.reward.learned.model.checkpoint.step": 5}]
    assert "method.reward.learned.model.step" in missing_sources(given)
    chosen = config({"kind": "checkpoint", "run": run.pk, "step": 5})
    checkpoint.folder.parent.mkdir(parents=True)
    shutil.copytree(MODEL_DIR, checkpoint.folder)
    assert "This is a policy" in faults(chosen)[0].message
    shutil.rmtree(checkpoint.folder)
    shutil.copytree(judge, checkpoint.folder)
    assert faults(chosen) == []
    assert missing_sources(chosen) == {}


def test_only_runs_that_trained_reward_models_are_offered() -> None:
    for method in ("grpo", "reward_model"):
        run = Run.objects.create(**RUN | {"name": method}, method=method)
        Checkpoint.objects.create(run=run, step=5, path="x", size=1, saved_at=timezone.now())
    form = run_form(as_posted(values_of(RunConfig())))
    for kind in ("grpo", "deepsearch", "ppo"):
        choices = form.fields[f"method.{kind}.reward.learned.model.checkpoint.run"].widget.choices
        assert [title.split(" · ")[-1] for value, title in choices if value] == ["reward_model"]


def test_answers_that_nobody_pays_for_are_fine_where_a_model_pays(judge: Path) -> None:
    paid = config(local(judge), accuracy=0.0)
    assert advice_on(paid, facts_of(paid)) == []
    unpaid = config({"kind": "none"}, accuracy=0.0)
    assert "Right answers are not paid for" in advice_on(unpaid, facts_of(unpaid))[0].message


def test_the_card_names_all_four_models_and_what_a_step_does(judge: Path) -> None:
    given = config(local(judge), "ppo", accuracy=0.0)
    form, facts = checked_form(as_posted(values_of(given)))
    preview = preview_of(form, facts, Start("the defaults", RunConfig()))
    assert preview.fit is not None
    names = [part.name for _, part in preview.fit.parts]
    assert names[:5] == ["Actor", "Optimizer", "Critic", "Reference", "Reward model"]
    assert "32 prompts × 1 sample = 32 responses a step, learned from in 4 epochs of 1 mini-batch" in preview.words[0]
    assert "right answers are counted and not paid for" in preview.words[1]
