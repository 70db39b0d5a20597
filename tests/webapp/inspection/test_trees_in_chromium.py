"""Pages of responses from search trees in a real browser: steps explained, narrow and dark, axe content."""

from collections.abc import Iterator
from dataclasses import dataclass

import pytest
from django.test import Client
from playwright.sync_api import Browser, Page, expect
from pytest_django.live_server_helper import LiveServer

from tests.chromium import NARROW, accessible, fits, page_of
from tests.webapp.inspection.trained_trees import searched_run
from webapp.inspection.models import Rollout
from webapp.inspection.rollout_page import read_rollout

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]


@dataclass(frozen=True)
class Story:
    """What the tests look at, read before the browser starts."""

    run: int
    searched: int
    """A response with several steps in a tree that was trained on."""
    group: int
    cached: int
    wrong: int
    """A response whose stored advantages are of another origin."""


@pytest.fixture
def story(transactional_db: None) -> Story:
    run = searched_run(2, cache={"fill": "at_once"}, credit={"q_temperature": 2.0}, reward={"overlong_buffer": 40})
    pages = [read_rollout(pk) for pk in Rollout.objects.filter(run=run, step=1).values_list("pk", flat=True)]
    many = [page for page in pages if page.tree_credit and len(page.tree_credit.steps) > 2 and not page.untrained]
    cached = Rollout.objects.filter(run=run, cached=True)[0]
    wrong = many[-1].rollout
    wrong.tokens.advantage_array = b"\x00\x44" * wrong.length
    wrong.tokens.save()
    return Story(run.pk, many[0].rollout.pk, many[0].rollout.group_id, cached.pk, wrong.pk)


@pytest.fixture
def page(browser: Browser, story: Story, live_server: LiveServer, researcher_client: Client) -> Iterator[Page]:
    with page_of(researcher_client, browser, live_server.url) as page:
        yield page


def test_a_token_tells_its_step_of_the_tree(page: Page, story: Story) -> None:
    page.goto(f"/rollouts/{story.searched}/#t=0")
    why = page.locator("[data-why-panel]")
    expect(why).to_contain_text("Step 1 of")
    expect(why).to_contain_text("tanh(q / ε_q)·q_max")
    accessible(page)
    page.keyboard.press("t")
    expect(page.locator("search-tree")).to_be_visible()


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_pages_hold_on_a_narrow_screen_in_both_themes(page: Page, story: Story, theme: str) -> None:
    page.set_viewport_size(NARROW)
    page.goto("/runs/")
    page.evaluate("theme => localStorage.setItem('theme', theme)", theme)
    for rollout in (story.searched, story.cached, story.wrong):
        page.goto(f"/rollouts/{rollout}/#t=0")
        expect(page.locator("[data-why-panel]")).to_contain_text("Advantage")
        fits(page)
        accessible(page)
    expect(page.get_by_text("stored advantages are not what these figures give")).to_be_visible()
    for address in (f"/groups/{story.group}/", f"/runs/{story.run}/steps/2/"):
        page.goto(address)
        fits(page)
        accessible(page)
