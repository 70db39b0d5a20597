"""Generations carried by a worker: once with the built-in model, else with a child that answers without one."""

import sys
import time
import uuid
from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import Any

import pytest
from django.conf import LazySettings
from django.utils import timezone

from tests.webapp.labeling.made import project_of
from tests.workers.carried_jobs import in_threads, until
from training.config import BuiltinProblems, ImportedProblems
from training.config.generate import GeneratingModel, GenerationConfig, GenerationSampling, SetPrompts, TypedPrompts
from webapp.core import job_states
from webapp.core.errors import UserError
from webapp.core.jobs import Job, JobState
from webapp.core.processes import marked
from webapp.labeling.choices import Mode
from webapp.labeling.generation import services
from webapp.labeling.generation.job import GenerationJob
from webapp.labeling.models import ItemResponse
from workers import host, jobs, queue
from workers.generation import generate
from workers.maintenance import maintain, reap_lost_jobs
from workers.process import FAMILY

pytestmark = pytest.mark.django_db(transaction=True)

FAKE = """
import json, pathlib, sys, time
config, out = pathlib.Path(sys.argv[2]), pathlib.Path(sys.argv[4])
prompts = json.loads(config.read_text())["prompts"]["texts"]
lines = out.read_text().splitlines() if out.exists() else []
with out.open("a") as file:
    for place in range(len(lines), len(prompts) + 1):
        if place == 0:
            file.write(json.dumps({"prompts": len(prompts), "models": 1}) + "\\n")
            continue
        text = prompts[place - 1]
        if text == "refuse":
            print("error: /nowhere is no model folder", file=sys.stderr)
            sys.exit(2)
        if text == "crash":
            sys.exit("out of luck")
        said = [{"text": f"{text} {n}", "length": 2, "correct": None, "ended": True} for n in range(2)]
        if text == "same":
            said = said[:1]
        file.write(json.dumps({"model": 0, "prompt": place - 1, "text": text, "answer": "", "problem_id": "",
                               "fits": True, "responses": said}) + "\\n")
        file.flush()
        while text == "wait" and not (config.parent / "go").exists():
            time.sleep(0.02)
"""


@pytest.fixture(autouse=True)
def _fake(monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest) -> None:
    monkeypatch.setattr(jobs, "TICK_S", 0.05)
    if "real" not in request.node.name:
        monkeypatch.setattr(jobs, "PROGRAM", (sys.executable, "-c", FAKE))


def job_of(*texts: str, mode: Mode = Mode.PAIRWISE, **config: Any) -> GenerationJob:
    asked = {"prompts": TypedPrompts(texts=texts or ("one", "two"))} | config
    made = GenerationConfig(sampling=GenerationSampling(samples=2, max_tokens=16), **asked)
    project = project_of(0, mode)
    assert project.created_by is not None
    return services.start_generation(project, made, user=project.created_by, start_id=uuid.uuid4())


def carried(job: GenerationJob) -> GenerationJob:
    generate(job.pk)
    job.refresh_from_db()
    return job


@pytest.fixture
def meanwhile() -> Iterator[Callable[[Job], None]]:
    with in_threads(generate) as begin:
        yield begin


@pytest.mark.processes
def test_two_real_models_make_ranking_items_that_are_judged() -> None:
    problems = SetPrompts(problems=BuiltinProblems(level="easy", heldout_count=4, train_count=1), count=4)
    models = (GeneratingModel(name="first"), GeneratingModel(name="second"))
    job = carried(job_of(mode=Mode.RANKING, prompts=problems, models=models))
    assert (job.state, job.error) == (JobState.SUCCEEDED, "")
    assert (job.done, job.total) == (8, 8)
    items = list(job.project.items.prefetch_related("responses"))
    assert len(items) == job.report["items"] == 4
    assert all(item.reference and item.origin["generation"] == job.pk for item in items)
    responses = list(ItemResponse.objects.filter(item__project=job.project))
    assert {each.source for each in responses} == {"first", "second"}
    assert len(responses) == job.report["responses"] == 16 - job.report["same"]
    assert all(each.correct is not None and each.length for each in responses)
    assert not job.folder.exists()


def test_items_are_added_once_however_often_the_message_comes() -> None:
    job = job_of("one", "two", "same")
    for _ in range(3):
        carried(job)
    assert job.state == JobState.SUCCEEDED
    assert [item.prompt for item in job.project.items.all()] == ["one", "two"]
    assert (job.attempt, job.report["items"], job.report["left_out"]) == (1, 2, 1)


def test_a_form_sent_twice_starts_one_job() -> None:
    job = job_of()
    config = GenerationConfig.model_validate(job.config)
    assert job.created_by is not None
    again = services.start_generation(job.project, config, user=job.created_by, start_id=job.start_id)
    assert (again.pk, GenerationJob.objects.count()) == (job.pk, 1)


def test_progress_is_told_and_a_stop_ends_it_without_items(meanwhile: Callable[[GenerationJob], None]) -> None:
    job = job_of("one", "wait", "three")
    meanwhile(job)
    until(job, lambda job: job.done == 2)
    assert (job.state, job.total) == (JobState.RUNNING, 3)
    job_states.stop(job)
    until(job, lambda job: job.state == JobState.STOPPED)
    assert job.project.items.count() == 0
    job_states.go_on(job, queue.generate_items)
    (job.folder / "go").touch()
    assert carried(job).state == JobState.SUCCEEDED
    assert [item.prompt for item in job.project.items.all()] == ["one", "wait", "three"]
    with pytest.raises(UserError, match="nothing to go on with"):
        job_states.go_on(job, queue.generate_items)
    with pytest.raises(UserError, match="ended already"):
        job_states.stop(job)


def test_a_worker_that_ends_hands_its_job_to_the_next_and_kills_the_child(monkeypatch: pytest.MonkeyPatch) -> None:
    job = job_of("one", "wait", "three")
    with monkeypatch.context() as ending:
        ending.setattr(jobs, "is_shutting_down", lambda: GenerationJob.objects.get(pk=job.pk).done == 2)
        assert carried(job).state == JobState.QUEUED
    assert (job.attempt, job.losses, job.done) == (1, 0, 2)
    assert not list(marked(FAMILY, str(job.folder)))
    (job.folder / "go").touch()
    assert carried(job).state == JobState.SUCCEEDED
    assert (job.attempt, job.losses) == (2, 0)
    assert [item.prompt for item in job.project.items.all()] == ["one", "wait", "three"]


def test_deleting_the_project_ends_its_jobs_and_removes_their_folders(
    meanwhile: Callable[[GenerationJob], None],
) -> None:
    job, failed = job_of("wait"), carried(job_of("crash"))
    folder = job.folder
    meanwhile(job)
    until(job, lambda job: job.done == 1)
    assert failed.folder.exists()
    for each in (job, failed):
        each.project.delete()
    assert not failed.folder.exists()
    deadline = time.monotonic() + 20
    while folder.exists() and time.monotonic() < deadline:
        time.sleep(0.02)
    assert not folder.exists()


def test_a_queued_job_is_stopped_at_once() -> None:
    job = job_of()
    job_states.stop(job)
    assert carried(job).state == JobState.STOPPED
    assert job.attempt == 0


def test_a_failure_says_why_and_can_go_on() -> None:
    job = carried(job_of("one", "crash"))
    assert job.state == JobState.FAILED
    assert job.error.startswith("The process of the models failed (exit code 1). Its last words:")
    assert "out of luck" in job.error
    job_states.go_on(job, queue.generate_items)
    assert carried(job).state == JobState.FAILED
    assert job.project.items.count() == 0


def test_what_a_user_has_to_put_right_is_said_without_the_log() -> None:
    job = carried(job_of("refuse"))
    assert (job.state, job.error) == (JobState.FAILED, "/nowhere is no model folder")


def test_a_problem_set_that_is_gone_is_named() -> None:
    job = carried(job_of(prompts=SetPrompts(problems=ImportedProblems(slug="gone"))))
    assert (job.state, job.error) == (JobState.FAILED, "It could not be carried out: the problem set 'gone' is gone")


def test_a_lost_worker_is_noticed_and_another_goes_on(
    settings: LazySettings, meanwhile: Callable[[GenerationJob], None]
) -> None:
    job = job_of("one", "wait")
    meanwhile(job)
    until(job, lambda job: job.done == 2)
    reap_lost_jobs()
    job.refresh_from_db()
    assert job.state == JobState.RUNNING
    # The database is told that the worker died; it goes on all the same, and may add nothing.
    settings.HEARTBEAT_LOST_SECONDS = -1  # at once, however lately it was heard of
    GenerationJob.objects.update(worker="elsewhere:1:1:1.0", heartbeat_at=timezone.now() - timedelta(hours=1))
    reap_lost_jobs()
    job.refresh_from_db()
    assert (job.state, job.losses) == (JobState.QUEUED, 1)
    settings.HEARTBEAT_LOST_SECONDS = 60
    (job.folder / "go").touch()
    assert carried(job).state == JobState.SUCCEEDED
    assert job.attempt == 2
    assert job.project.items.count() == 2


def test_a_job_that_keeps_losing_its_worker_fails_with_advice(settings: LazySettings) -> None:
    job = job_of()
    settings.HEARTBEAT_LOST_SECONDS = -1  # at once, however lately it was heard of
    for _ in range(job_states.MOST_LOSSES + 1):
        assert job_states.claim(GenerationJob, job.pk, host.this_process()) is not None
        GenerationJob.objects.update(heartbeat_at=timezone.now() - timedelta(hours=1))
        reap_lost_jobs()
    job.refresh_from_db()
    assert job.state == JobState.FAILED
    assert "vanished 4 times" in job.error


def test_a_lost_message_is_sent_again() -> None:
    with queue.app.connection_for_write() as broker:
        queue.app.amqp.queues["gpu"].bind(broker.default_channel).purge()
    made = [job_of(), job_of()]
    assert queue.waiting_messages() == len(made)
    with queue.app.connection_for_write() as broker:
        queue.app.amqp.queues["gpu"].bind(broker.default_channel).purge()
    maintain()
    assert queue.waiting_messages() == len(made)
