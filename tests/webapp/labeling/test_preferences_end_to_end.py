"""From labels to rewards of the labeled responses: a reward model trained by the trainer's own process."""

import uuid

import pytest
from django.test import Client
from django.urls import reverse

from tests.training.runs import finish, start
from tests.webapp.labeling.made import given, labelers, project_of
from training.config import (
    BuiltinProblems,
    CheckpointConfig,
    EvaluationConfig,
    HardwareConfig,
    ProjectRankings,
    RewardModelMethod,
    RunConfig,
)
from webapp.labeling import answers
from webapp.labeling.choices import Mode
from webapp.labeling.models import LabelProject, PreferenceReport, ResponseScore
from webapp.runs.services import create_run
from workers.ingest import ingest
from workers.preparation import prepare_folder

pytestmark = [pytest.mark.django_db, pytest.mark.processes]
ITEMS, RESPONSES = 10, 3


def ranked_project() -> LabelProject:
    """Every item ranked by two people, who disagree about the last two responses."""
    project = project_of(ITEMS, Mode.RANKING, responses=RESPONSES, overlap=2)
    for second, user in enumerate(labelers(2)):
        for _ in range(ITEMS):
            assignment = given(project, user)
            ranks = [1, 3, 2] if second else [1, 2, 3]
            shown = zip(assignment.handles, assignment.order, strict=True)
            value = {"ranks": {handle: ranks[index] for handle, index in shown}}
            answers.submit(assignment, user, uuid.uuid4(), value, 9.0)
    return project


def test_labels_are_learned_from_and_every_response_gets_a_reward(researcher_client: Client) -> None:
    project = ranked_project()
    method = RewardModelMethod(
        rankings=ProjectRankings(slug=project.slug), rankings_per_step=4, heldout_share=0.4, heads=2, max_length=64
    )
    config = RunConfig(
        method=method,
        steps=2,
        problems=BuiltinProblems(level="easy", train_count=8, heldout_count=8),
        evaluation=EvaluationConfig(every_steps=2),
        checkpoints=CheckpointConfig(every_steps=0),
        hardware=HardwareConfig(device="cpu", threads=1),
    )
    run = create_run(config)
    prepare_folder(run)
    finish(start(run.folder))
    while ingest(run.pk).events:
        pass
    last = ResponseScore.objects.filter(run=run, step=2)
    assert last.count() == ITEMS * RESPONSES
    assert 0 < last.filter(heldout=True).count() == ResponseScore.objects.filter(run=run, step=0).count() < last.count()
    assert all(spread > 0 for spread in last.values_list("spread", flat=True))
    used = run.rankings_used  # type: ignore[attr-defined]
    assert (used.labels, used.train_items + used.heldout_items) == (2 * ITEMS, ITEMS)
    told = PreferenceReport.objects.get(run=run, step=2).report
    assert told["agreement"]["right"] * 3 == told["agreement"]["pairs"] * 2, "of three pairs they agree on two"
    assert {each["annotator"] for each in told["annotators"]} == {
        f"annotator-{key}" for key in project.assignments.values_list("annotator", flat=True)
    }
    text = researcher_client.get(reverse("preferences:run", args=[run.pk])).content.decode()
    assert "agree on 66.7 %" in text
    assert reverse("labeling:item", args=[project.slug, told["wrong"][0]["item"]]) in text
