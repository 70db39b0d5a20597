"""Evaluations in a real browser: from a checkpoint to figures shown both ways; narrow, dark and accessible."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from unittest.mock import patch

import pytest
from django.test import Client
from playwright.sync_api import Browser, Page, expect
from pytest_django.live_server_helper import LiveServer

from tests.chromium import NARROW, accessible, fits_narrow, page_of
from tests.webapp.evals.made import make_evaluation
from tests.webapp.runs.pages.made import add_checkpoint, make_run
from webapp.evals.models import AskedProblem
from webapp.runs.status import RunStatus

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]


@dataclass(frozen=True)
class Story:
    """Ids of rows. Read before the browser starts: with it, this thread has no database to share."""

    source: int
    first: int
    second: int
    running: int
    key: str
    group: int


@pytest.fixture
def story(transactional_db: None) -> Story:
    source = make_run(name="GRPO on arithmetic")
    for step in (10, 20):
        add_checkpoint(source, step, score=0.4)
    first = make_evaluation([i % 5 for i in range(10)], checkpoint=(source, 10))
    second = make_evaluation([min(i % 5 + 1, 4) for i in range(10)], checkpoint=(source, 20), searches=True)
    running = make_evaluation((), status=RunStatus.RUNNING)
    key = AskedProblem.objects.get(run=first.run, problem_id="p1").key
    return Story(source.pk, first.pk, second.pk, running.pk, key, first.run.groups.get(index=1).pk)


@pytest.fixture
def page(browser: Browser, story: Story, live_server: LiveServer, researcher_client: Client) -> Iterator[Page]:
    with patch("workers.queue._send"), page_of(researcher_client, browser, live_server.url) as page:
        yield page


def test_a_checkpoint_is_evaluated_from_its_runs_page(page: Page, story: Story) -> None:
    page.goto(f"/runs/{story.source}/checkpoints/")
    page.get_by_role("link", name="Evaluate", exact=True).last.click()
    expect(page.get_by_role("radio", name="Checkpoints of runs")).to_be_checked()
    expect(page.get_by_role("checkbox", name=re.compile("step 10"))).to_be_checked()
    expect(page.get_by_role("checkbox", name=re.compile("step 20"))).not_to_be_checked()
    expect(page.get_by_label("Name on the hub")).to_be_hidden()
    accessible(page)
    page.get_by_role("radio", name="A model of the hub").check()
    expect(page.get_by_label("Name on the hub")).to_be_visible()
    page.get_by_role("radio", name="Checkpoints of runs").check()
    page.get_by_label("Answers to each (k)").fill("4")
    page.get_by_role("button", name="Start evaluation").click()
    expect(page.get_by_text("No answer has come yet")).to_be_visible()
    expect(page.get_by_role("heading", name=re.compile(rf"run {story.source}, step 10"))).to_be_visible()


def test_a_wrong_answer_is_opened_and_overridden_and_both_figures_stand_side_by_side(page: Page, story: Story) -> None:
    page.goto("/evals/")
    page.get_by_role("link", name=f"run {story.source}, step 10").click()
    figures = page.get_by_role("region", name="Figures")
    expect(figures).to_contain_text("As graded")
    before = figures.get_by_role("row").nth(1).get_by_role("cell").first.inner_text()
    page.get_by_role("link", name="p1", exact=True).click()
    page.wait_for_url(re.compile("/rollouts/"))
    page.go_back()
    row = page.get_by_role("row").filter(has=page.get_by_role("link", name="p1", exact=True))
    expect(row).to_contain_text("⟦202E⟧57 apples")
    row.get_by_label("Why this answer counts otherwise").fill("a unit is no mistake")
    row.get_by_role("button", name="Count as right").click()
    expect(page.get_by_text("Both figures are shown")).to_be_visible()
    expect(figures).to_contain_text("With 1 override")
    cells = figures.get_by_role("row").nth(1).get_by_role("cell")
    assert cells.first.inner_text() == before
    assert cells.last.inner_text() != before
    expect(page.get_by_text("a unit is no mistake")).to_be_visible()
    accessible(page)
    page.get_by_role("button", name="Withdraw").click()
    expect(figures).not_to_contain_text("With 1 override")


def test_two_ticked_evaluations_are_compared(page: Page, story: Story) -> None:
    page.goto("/evals/?sort=-avg")
    for key in "jxjx":
        page.keyboard.press(key)
    page.get_by_role("button", name="Compare the ticked").click()
    expect(page).to_have_url(re.compile(rf"\?ids={story.first},{story.second}$"))
    expect(page.get_by_role("heading", name="Problems that changed most")).to_be_visible()
    accessible(page)


def test_every_page_fits_a_narrow_dark_screen(page: Page, story: Story) -> None:
    page.set_viewport_size(NARROW)
    page.emulate_media(color_scheme="dark")
    addresses = (
        "/evals/", "/evals/?q=nothing", "/evals/new/", f"/evals/{story.second}/", f"/evals/{story.running}/",
        f"/evals/{story.first}/answers/{story.group}/", f"/evals/problems/{story.key}/",
        f"/evals/compare/?ids={story.first},{story.second}", f"/runs/{story.source}/checkpoints/",
    )  # fmt: skip
    for address in addresses:
        fits_narrow(page, address)


def test_a_running_evaluation_is_followed(page: Page, story: Story) -> None:
    page.clock.install()
    page.goto(f"/evals/{story.running}/")
    with page.expect_response(lambda response: f"/evals/{story.running}/" in response.url):
        page.clock.fast_forward(3000)
    expect(page.get_by_text("No answer has come yet")).to_be_visible()
