"""Which runs use a problem set."""

import pytest
from django.test import Client

from webapp.datasets.models import ProblemSet
from webapp.datasets.usage import uses_of
from webapp.runs.models import Run
from webapp.runs.status import RunStatus

pytestmark = pytest.mark.django_db


def run(slug: str, status: RunStatus, kind: str = "imported") -> Run:
    config = {"problems": {"kind": kind, "slug": slug}}
    return Run.objects.create(name=f"{status} on {slug}", config=config, method="grpo", problems=slug, status=status)


def test_it_names_the_runs_on_a_set_those_that_need_it_first() -> None:
    ended, queued = run("plums", RunStatus.SUCCEEDED), run("plums", RunStatus.QUEUED)
    run("pears", RunStatus.RUNNING)
    run("plums", RunStatus.RUNNING, kind="builtin")
    assert [(use.name, use.url, use.active) for use in uses_of("plums")] == [
        ("queued on plums", f"/runs/{queued.pk}/", True),
        ("succeeded on plums", f"/runs/{ended.pk}/", False),
    ]


def test_a_set_cannot_be_deleted_from_under_a_run(researcher_client: Client) -> None:
    ProblemSet.objects.create(slug="plums", name="Plums", source="", content_hash="")
    made = run("plums", RunStatus.RUNNING)
    assert researcher_client.post("/datasets/plums/delete/").status_code == 409
    Run.objects.filter(pk=made.pk).update(status=RunStatus.STOPPED)
    page = researcher_client.get("/datasets/plums/delete/").content.decode()
    assert "1 ended run used it" in page
    assert researcher_client.post("/datasets/plums/delete/").status_code == 302
