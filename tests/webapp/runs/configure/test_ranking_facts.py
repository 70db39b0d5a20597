"""What the form finds out about labels before anything starts."""

import json
from pathlib import Path
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone

from tests.webapp.labeling.made import given, labelers, project_of, submit
from training.config import CheckpointModel, DpoMethod, ProjectRankings, RankingsFile, RewardModelMethod, RunConfig
from webapp.core.errors import UserError
from webapp.labeling.choices import Mode
from webapp.runs import services
from webapp.runs.config_forms import Fault
from webapp.runs.configure.checks import advice_on, faults_of
from webapp.runs.configure.facts import facts_of
from webapp.runs.configure.forms import as_posted, run_form
from webapp.runs.knobs import values_of
from webapp.runs.models import Checkpoint

pytestmark = pytest.mark.django_db
SLUG = "method.dpo.rankings.project.slug"


def on_project(slug: str, **knobs: Any) -> RunConfig:
    return RunConfig(method=DpoMethod(rankings=ProjectRankings(slug=slug), **knobs))


def on_file(path: Path | str) -> RunConfig:
    return RunConfig(method=RewardModelMethod(rankings=RankingsFile(path=str(path))))


def fault_of(config: RunConfig) -> Fault:
    (fault,) = faults_of(config, facts_of(config))
    return fault


def offers(config: RunConfig, name: str) -> dict[str, Any]:
    """What a knob can be chosen from, on the form that shows this config."""
    return dict(getattr(run_form(as_posted(values_of(config))).fields[name].widget, "choices", ()))


def test_a_project_must_be_there_have_labels_and_be_of_a_mode_that_fits() -> None:
    labeled = project_of(1)
    (user,) = labelers(1)
    submit(given(labeled, user))
    fault = fault_of(on_project("nowhere"))
    assert (fault.message, fault.about) == ("There is no labeling project 'nowhere'.", (SLUG,))
    assert [fix.values for fix in fault.fixes] == [{SLUG: labeled.slug}]
    assert "has no labels yet" in fault_of(on_project(project_of(1).slug)).message
    assert "single steps" in fault_of(on_project(project_of(1, Mode.TREE_STEP).slug)).message
    assert not faults_of(on_project(labeled.slug), facts_of(on_project(labeled.slug)))
    offered = offers(on_project(labeled.slug), SLUG)
    assert labeled.slug in offered


@pytest.mark.parametrize(
    ("lines", "says"),
    [
        (None, "cannot be read"),
        ([], "holds no labels"),
        ([{"prompt": "p", "responses": ["a", "b"]}], "line 1: not a label with prompt, responses and ranks"),
        ([{"prompt": "p", "responses": ["a"], "ranks": [1]}], "two are the fewest"),
    ],
)
def test_a_file_is_looked_into(tmp_path: Path, lines: list[Any] | None, says: str) -> None:
    path = tmp_path / "labels.jsonl"
    if lines is not None:
        path.write_text("".join(json.dumps(line) + "\n" for line in lines))
    fault = fault_of(on_file(path))
    assert says in fault.message
    assert fault.about == ("method.reward_model.rankings.file.path",)


def test_a_file_needs_its_whole_path() -> None:
    assert "whole path" in fault_of(on_file("labels.jsonl")).message


def test_few_labels_and_none_held_out_are_advised_against(tmp_path: Path) -> None:
    path = tmp_path / "labels.jsonl"
    path.write_text(json.dumps({"prompt": "p", "responses": ["a", "b"], "ranks": [1, 2]}) + "\n")
    method = RewardModelMethod(rankings=RankingsFile(path=str(path)), heldout_share=0)
    config = RunConfig(method=method)
    said = [fault.message for fault in advice_on(config, facts_of(config))]
    assert any("1 ranked prompts are few" in message for message in said)
    assert any("No prompt is held out" in message for message in said)


def test_no_policy_starts_from_a_reward_model(researcher_client: Client) -> None:
    trained = services.create_run(RunConfig(method=RewardModelMethod()))
    checkpoint = Checkpoint.objects.create(run=trained, step=3, path="x", size=1, saved_at=timezone.now())
    config = RunConfig(model=CheckpointModel(run=trained.pk, step=checkpoint.step))
    with pytest.raises(UserError, match="trained a reward model, which scores responses and writes none"):
        services.create_run(config)
    found = [fault for fault in faults_of(config, facts_of(config)) if "reward model" in fault.message]
    assert [fault.about for fault in found] == [("model.checkpoint.run",)]
    offered = offers(RunConfig(), "model.checkpoint.run")
    assert str(trained.pk) not in offered
