"""Pages of teachings: what the form makes and refuses, what it will cost, and what a page says of each state."""

import re
import uuid
from typing import Any
from unittest.mock import patch

import pytest
from django.test import Client
from django.utils import timezone
from pytest_django import DjangoAssertNumQueries

from tests.webapp.runs.pages.made import add_checkpoint, make_run
from tests.webapp.teaching.made import ENDPOINT, job_of, with_lines, written
from training.config import PromptConfig, RunConfig
from training.config.teach import EndpointTeacher, ModelTeacher, NumberedSteps
from training.problems import Problem
from training.reading import Accepted
from webapp.accounts.models import User
from webapp.core.errors import UserError
from webapp.core.jobs import JobState
from webapp.datasets.models import ProblemSet
from webapp.datasets.services import delete_problem_set, store_problem_set
from webapp.teaching.models import TeachingJob
from webapp.teaching.services import finish

pytestmark = pytest.mark.django_db

FORM = {
    "name": "", "problems": "builtin:easy", "split": "train", "count": "20", "heldout": "5", "samples": "3",
    "keep": "all", "temperature": "0.8", "top_p": "1", "max_tokens": "100", "seed": "4", "least_characters": "10",
    "most_characters": "0", "most_repeated": "1", "rewrite_max_tokens": "1000", "rewrite_temperature": "0",
    "teacher-kind": "builtin", "teacher-template": "chat", "rewriter-kind": "none", "rewriter-template": "chat",
}  # fmt: skip


def endpoint(prefix: str, **knobs: str) -> dict[str, str]:
    """The fields of an endpoint, as a browser sends them."""
    values = {
        "base_url": "http://localhost:9/v1", "model": "wise", "api_key_variable": "WISE_API_KEY", "system": "Think.",
        "length_field": "max_tokens", "reasoning": "leave_out", "at_once": "2", "timeout_s": "60", "retries": "1",
        "price_in": "1", "price_out": "10",
    } | knobs  # fmt: skip
    return {f"{prefix}-kind": "endpoint"} | {f"{prefix}-endpoint-{name}": value for name, value in values.items()}


def send(client: Client, address: str = "/datasets/teach/", **changes: Any) -> Any:
    data = {name: value for name, value in (FORM | changes).items() if value is not None}
    with patch("workers.queue._send"):
        return client.post(address, {"start_id": str(uuid.uuid4())} | data)


def text_of(response: Any) -> str:
    return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", response.content.decode()))


def store(researcher: User, count: int = 4) -> ProblemSet:
    rows = [Accepted("f", n, f"What is {n}+{n}? " + "x" * 80, str(2 * n), "", "train", "", "") for n in range(count)]
    return store_problem_set(
        rows, name="Sums", description="", source="f", mapping={}, report={}, user=researcher
    )  # fmt: skip


def test_the_built_in_model_is_asked_as_the_form_says(researcher_client: Client) -> None:
    response = send(researcher_client)
    job = TeachingJob.objects.get()
    assert (response.status_code, response["Location"]) == (302, f"/datasets/teach/{job.pk}/")
    assert job.name == "built-in arithmetic, easy, solved by the built-in model"
    config = job.parsed
    assert config.problems.model_dump(include={"level", "train_count", "heldout_count"}) == {
        "level": "easy", "train_count": 20, "heldout_count": 5,
    }  # fmt: skip
    assert (config.count, config.heldout, config.sampling.samples, config.sampling.keep) == (20, 5, 3, "all")
    assert (config.filters.least_characters, config.filters.one_script) == (10, False)
    assert config.rewriter is None
    assert "Have them solved" in researcher_client.get("/datasets/teach/").content.decode()


def test_an_endpoint_teaches_and_another_model_writes_again(researcher_client: Client) -> None:
    run = make_run(name="GRPO", config=RunConfig(prompt=PromptConfig(template="r1_zero")))
    add_checkpoint(run, 10)
    chosen = endpoint("teacher") | {"rewriter-kind": "checkpoint", "rewriter-checkpoint": f"{run.pk}:10"}
    assert send(researcher_client, **chosen, name="Mine", one_script="on").status_code == 302
    job = TeachingJob.objects.get()
    config = job.parsed
    assert job.name == "Mine"
    assert isinstance(config.teacher, EndpointTeacher)
    assert (config.teacher.api_key_variable, config.teacher.system) == ("WISE_API_KEY", "Think.")
    assert isinstance(config.rewrite, NumberedSteps)
    assert isinstance(config.rewriter, ModelTeacher)
    assert (config.rewriter.prompt.template, config.rewrite.max_tokens) == ("r1_zero", 1000)
    assert config.filters.one_script


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"teacher-kind": "local"}, "Name a folder."),
        ({"teacher-kind": "hub", "teacher-hub": "no name"}, "looks like owner/name"),
        ({"teacher-kind": "checkpoint"}, "Choose a checkpoint."),
        (endpoint("teacher", base_url="localhost"), "Address of the API"),
        (endpoint("teacher", api_key_variable="sk-123"), "ending in _API_KEY"),
        (endpoint("rewriter", model=""), "This needs a value"),
        ({"temperature": "0"}, "at temperature 0 a problem has one answer"),
        ({"rewriter-kind": "teacher"}, "the built-in model knows arithmetic only and cannot rewrite"),
        ({"samples": "0"}, "greater than or equal to 1"),
        ({"problems": "imported:gone"}, "not one of the available choices"),
        ({"name": "x" * 130}, "at most 120 characters"),
    ],
)
def test_what_cannot_be_taught_is_said_beside_its_field(
    researcher_client: Client, changes: dict[str, str], words: str
) -> None:
    response = send(researcher_client, **changes)
    assert response.status_code == 422
    assert words.lower() in text_of(response).lower()
    assert not TeachingJob.objects.exists()


def test_the_same_form_sent_twice_starts_one_job(researcher_client: Client) -> None:
    start = str(uuid.uuid4())
    assert send(researcher_client, start_id=start)["Location"] == send(researcher_client, start_id=start)["Location"]
    assert TeachingJob.objects.count() == 1


def test_an_estimate_bounds_calls_and_cost(researcher_client: Client, researcher: User) -> None:
    slug = store(researcher).slug
    asked = {"problems": f"imported:{slug}", **endpoint("teacher"), **endpoint("rewriter", price_in="0")}
    words = text_of(send(researcher_client, "/datasets/teach/estimate/", **asked))
    assert "At most 12 answers to 4 problems and 12 rewrites, with 13,200 tokens" in words
    assert "costs at most about $0.13" in words  # 12 · (100 + 1000) · 10 / 1e6 and a little for the prompts
    words = text_of(send(researcher_client, "/datasets/teach/estimate/"))
    assert "60 answers to 20 problems, with" in words
    assert "It costs nothing" in words
    free = endpoint("teacher", price_in="0", price_out="0")
    assert "no cost can be told" in text_of(send(researcher_client, "/datasets/teach/estimate/", **free))
    assert "Once the form is filled in" in text_of(send(researcher_client, "/datasets/teach/estimate/", count=""))
    assert not TeachingJob.objects.exists()


def test_a_running_one_shows_figures_examples_and_why_others_were_refused(researcher_client: Client) -> None:
    lines = [
        written(0, "<b>one</b> \\boxed{1}"),
        written(1, "\\boxed{9}", "wrong", reason="extracted 9 from \\boxed{}; not equal"),
        written(2, "", "failed", reason="no answer within 3 s", tokens_out=None, cost=0.0, correct=None),
    ]
    job = with_lines(job_of(), lines[:2], heartbeat_at=timezone.now())
    page = researcher_client.get(f"/datasets/teach/{job.pk}/")
    words = text_of(page)
    assert "2 of 3 problems asked" in words
    assert "2: 1 right, 1 wrong" in words
    assert "$0.5000" in words
    assert "&lt;b&gt;one&lt;/b&gt;" in page.content.decode()
    assert "Wrong: extracted 9 from \\boxed{}; not equal" in words
    assert "What is 1+1?" in words
    seen = re.search(r"\?seen=([^\"]+)", page.content.decode())
    assert seen
    fragment = f"/datasets/teach/{job.pk}/?seen={seen[1]}"
    assert researcher_client.get(fragment, headers={"HX-Request": "true"}).status_code == 204
    with_lines(job, lines, heartbeat_at=timezone.now())
    changed = researcher_client.get(fragment, headers={"HX-Request": "true"})
    assert "<html" not in changed.content.decode()
    assert "No answer came: no answer within 3 s" in text_of(changed)


def test_the_page_says_what_each_state_means(researcher_client: Client) -> None:
    job = job_of()
    address = f"/datasets/teach/{job.pk}/"
    assert "It waits for a worker" in text_of(researcher_client.get(address))
    TeachingJob.objects.update(losses=1, done=1, total=3)
    assert "goes on from 1 of 3 problems" in text_of(researcher_client.get(address))
    TeachingJob.objects.update(state=JobState.FAILED, error="it refuses the key in WISE_API_KEY")
    words = text_of(researcher_client.get(address))
    assert "it refuses the key in WISE_API_KEY" in words
    assert "Try again" in words
    steps = {"kind": "steps", "by": None}
    again = with_lines(
        job_of(rewrite=steps, count=1), [written(0, "so \\boxed{1}"), written(0, "chat", "format", "rewrite")]
    )
    words = text_of(researcher_client.get(f"/datasets/teach/{again.pk}/"))
    assert "All problems asked; 1 of 1 solutions written again" in words
    assert "Rewrite refused Not in numbered steps" in words


def test_what_it_made_is_linked_both_ways_and_outlives_it(researcher_client: Client, researcher: User) -> None:
    job = with_lines(job_of(), [written(n, f"is \\boxed{{{n + 1}}}") for n in range(3)])
    problems = [Problem(f"p{n}", f"What is {n}+1?", str(n + 1), f"is {n + 1}", "train", "easy") for n in range(3)]
    assert finish(job, problems, job.report)
    assert not finish(job, problems, job.report)
    made = ProblemSet.objects.get()
    assert (made.train_count, made.solution_count) == (3, 3)
    page = researcher_client.get(f"/datasets/{made.slug}/").content.decode()
    assert "Made by wise from training problems of built-in arithmetic, middle" in page
    assert f'href="/datasets/teach/{job.pk}/"' in page
    assert f'href="/datasets/{made.slug}/"' in researcher_client.get(f"/datasets/teach/{job.pk}/").content.decode()
    folder = job.folder
    delete_problem_set(made)
    assert "The set it made was deleted" in text_of(researcher_client.get(f"/datasets/teach/{job.pk}/"))
    assert folder.exists()
    assert researcher_client.post(f"/datasets/teach/{job.pk}/delete/")["Location"] == "/datasets/teach/"


def test_stop_go_on_and_delete(researcher_client: Client, django_capture_on_commit_callbacks: Any) -> None:
    job = with_lines(job_of(), [])
    address = f"/datasets/teach/{job.pk}/"
    assert researcher_client.post(f"{address}delete/").status_code == 409
    researcher_client.post(f"{address}stop/")
    assert "Stopping…" in researcher_client.get(address).content.decode()
    TeachingJob.objects.update(state=JobState.STOPPED)
    with patch("workers.queue._send") as sent, django_capture_on_commit_callbacks(execute=True):
        researcher_client.post(f"{address}go-on/")
    assert sent.call_args.args == ("workers.teaching.teach", "gpu", job.pk)
    assert researcher_client.post(f"{address}go-on/").status_code == 409
    TeachingJob.objects.update(state=JobState.STOPPED)
    with django_capture_on_commit_callbacks(execute=True):
        researcher_client.post(f"{address}delete/")
    assert not job.folder.exists()
    assert researcher_client.get(address).status_code == 404


def test_a_set_that_is_being_solved_cannot_be_deleted(researcher: User) -> None:
    made = store(researcher)
    job_of(problems={"kind": "imported", "slug": made.slug})
    with pytest.raises(UserError, match="needed by solutions for Sums, solved"):
        delete_problem_set(made)
    TeachingJob.objects.update(state=JobState.STOPPED)
    delete_problem_set(made)


def test_viewers_see_teachings_and_start_none(client: Client, viewer: User) -> None:
    job = with_lines(job_of(teacher=ENDPOINT | {"api_key_variable": "WISE_API_KEY"}), [])
    client.force_login(viewer)
    page = client.get("/datasets/teach/").content.decode()
    assert job.name in page
    assert "<form method" not in page.split("<main", 1)[1]
    assert "Stop" not in client.get(f"/datasets/teach/{job.pk}/").content.decode().split("<main", 1)[1]
    assert send(client).status_code == 403


def test_the_list_takes_few_queries(
    researcher_client: Client, django_assert_max_num_queries: DjangoAssertNumQueries
) -> None:
    for _ in range(4):
        job_of()
    with django_assert_max_num_queries(7):
        page = researcher_client.get("/datasets/teach/?problems=none")
    assert page.content.decode().count("Sums, solved") == 4
