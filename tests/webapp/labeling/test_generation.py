"""The page of generations: what its form makes, what it refuses, and what it says of jobs."""

import re
import uuid
from typing import Any
from unittest.mock import patch

import pytest
from django.test import Client

from tests.webapp.labeling.made import project_of
from tests.webapp.runs.pages.made import add_checkpoint, make_run
from training.config import PromptConfig, RunConfig
from training.config.generate import GenerationConfig, SetPrompts, TypedPrompts
from webapp.accounts.models import User
from webapp.core.jobs import JobState
from webapp.labeling.choices import Mode
from webapp.labeling.generation.form import prompts_in
from webapp.labeling.generation.job import GenerationJob
from webapp.labeling.models import LabelProject

pytestmark = pytest.mark.django_db

FORM = {
    "builtin": "on", "kind": "set", "problems": "builtin:easy", "split": "heldout", "count": "7", "samples": "2",
    "temperature": "0.9", "top_p": "1", "max_tokens": "32", "template": "chat", "seed": "3",
}  # fmt: skip


def send(client: Client, project: LabelProject, **changes: Any) -> Any:
    data = {name: value for name, value in (FORM | changes).items() if value is not None}
    with patch("workers.queue._send"):
        return client.post(f"/label/{project.slug}/generate/", {"start_id": str(uuid.uuid4())} | data)


def text_of(response: Any) -> str:
    return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", "", response.content.decode()))


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("one", ["one"]),
        ("one\ntwo lines\r\n\r\n \r\nthree", ["one\ntwo lines", "three"]),
        ("a\n\nb\n---\nc\n  ---\n", ["a\n\nb", "c"]),
        (" \n\n", []),
    ],
)
def test_typed_prompts_are_blocks(text: str, expected: list[str]) -> None:
    assert prompts_in(text) == expected


def test_checkpoints_and_others_answer_each_in_its_own_way(researcher_client: Client) -> None:
    run = make_run(name="GRPO", config=RunConfig(prompt=PromptConfig(template="r1_zero")))
    for step in (10, 20):
        add_checkpoint(run, step)
    project = project_of(0, Mode.RANKING)
    chosen = {"checkpoints": [f"{run.pk}:10", f"{run.pk}:20"], "template": "plain"}
    response = send(researcher_client, project, **chosen)
    assert (response.status_code, response["Location"]) == (302, f"/label/{project.slug}/generate/")
    config = GenerationConfig.model_validate(GenerationJob.objects.get().config)
    assert [(each.source.kind, each.prompt.template) for each in config.models] == [
        ("checkpoint", "r1_zero"), ("checkpoint", "r1_zero"), ("builtin", "plain"),
    ]  # fmt: skip
    assert config.models[0].name == f"GRPO (run {run.pk}), step 10"
    assert isinstance(config.prompts, SetPrompts)
    assert (config.prompts.count, config.sampling.samples, config.sampling.temperature) == (7, 2, 0.9)


def test_reward_models_write_nothing(researcher_client: Client) -> None:
    writer, judge = make_run(name="GRPO"), make_run(name="RM", method="reward_model")
    for run in (writer, judge):
        add_checkpoint(run, 10)
    page = text_of(researcher_client.get(f"/label/{project_of(0).slug}/generate/"))
    assert f"GRPO (run {writer.pk}), step 10" in page
    assert "RM (run" not in page


def test_typed_prompts_are_sent_as_they_are(researcher_client: Client) -> None:
    project = project_of(0)
    send(researcher_client, project, kind="typed", texts="What is <b>2</b>?\n\nAnd 3?", problems="")
    prompts = GenerationConfig.model_validate(GenerationJob.objects.get().config).prompts
    assert isinstance(prompts, TypedPrompts)
    assert prompts.texts == ("What is <b>2</b>?", "And 3?")


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"builtin": None}, "Choose at least one model."),
        ({"kind": "typed", "texts": "\n\n"}, "Write at least one prompt."),
        ({"samples": "3"}, "An item of this project takes 2 responses; 1 model with 3 each would give it 3."),
        ({"hub": "x/y", "samples": "2"}, "2 models with 2 each would give it 4."),
        ({"temperature": "0"}, "At temperature 0 a model has one response."),
        ({"temperature": "-1"}, "It must be greater than or equal to 0"),
        ({"count": "0"}, "It must be greater than or equal to 1"),
        ({"count": "5000"}, "about 4,000 different problems of this split"),
        ({"problems": "imported:gone"}, "Select a valid choice"),
        ({"checkpoints": ["9:9"]}, "Select a valid choice"),
        ({"builtin": None, "hub": "no name"  , "path": "/models/a", "samples": "1"}, "one looks like owner/name"),
    ],
)  # fmt: skip
def test_what_cannot_be_is_said_beside_its_field(researcher_client: Client, changes: dict[str, Any], says: str) -> None:
    response = send(researcher_client, project_of(0), **changes)
    assert response.status_code == 422
    assert says in text_of(response)
    assert not GenerationJob.objects.exists()


def test_steps_of_trees_are_not_generated(researcher_client: Client) -> None:
    project = project_of(0, Mode.TREE_STEP)
    page = researcher_client.get(f"/label/{project.slug}/generate/")
    assert "whole responses are none" in text_of(page)
    assert send(researcher_client, project).status_code == 400


def job_of(project: LabelProject, state: JobState, **fields: Any) -> GenerationJob:
    config = GenerationConfig().model_dump(mode="json")
    return GenerationJob.objects.create(project=project, start_id=uuid.uuid4(), config=config, state=state, **fields)


def test_jobs_say_where_they_stand_and_viewers_change_nothing(client: Client, viewer: User) -> None:
    project = project_of(0)
    running = job_of(project, JobState.RUNNING, done=3, total=50)
    job_of(project, JobState.FAILED, error="<b>no folder</b>", done=1)
    job_of(project, JobState.QUEUED)
    job_of(project, JobState.STOPPED, done=2, total=9)
    report = {"items": 1, "responses": 2, "short": 1, "left_out": 4, "same": 0, "too_long": 0}
    job_of(project, JobState.SUCCEEDED, report=report)
    client.force_login(viewer)
    page = client.get(f"/label/{project.slug}/generate/")
    told = text_of(page)
    for words in (
        "3 of 50 prompts answered", "&lt;b&gt;no folder", "runs before it go first", "Stopped at 2 of 9",
        "1 item with 2 responses added to the items. Prompts left out for want of different responses: 4. Items with",
    ):  # fmt: skip
        assert words in told
    assert "Send to labelers" not in told
    assert "<button" not in page.content.decode().split('id="main"')[1].split("</main>")[0]
    assert page.content.decode().count("hx-trigger") == 2
    assert send(client, project).status_code == 403
    row = client.get(f"/label/{project.slug}/generate/{running.pk}/", headers={"HX-Request": "true"})
    assert "3 of 50" in text_of(row)
    assert client.get(f"/label/other/generate/{running.pk}/").status_code == 404


def test_stopping_and_going_on(researcher_client: Client) -> None:
    project = project_of(0)
    job = job_of(project, JobState.QUEUED)
    address = f"/label/{project.slug}/generate/{job.pk}"
    with patch("workers.queue._send"):
        for action, state in (("stop", JobState.STOPPED), ("go-on", JobState.QUEUED)):
            assert researcher_client.post(f"{address}/{action}/").status_code == 302
            job.refresh_from_db()
            assert job.state == state
        assert researcher_client.post(f"{address}/go-on/").status_code == 409


def test_many_jobs_take_few_queries(researcher_client: Client, django_assert_max_num_queries: Any) -> None:
    project = project_of(0)
    for _ in range(25):
        job_of(project, JobState.SUCCEEDED)
    with django_assert_max_num_queries(10):
        page = researcher_client.get(f"/label/{project.slug}/generate/")
    assert page.content.decode().count('class="panel job') == 20
    assert "Older generations" in text_of(page)
