"""Items of a run's rollouts in a real browser: what matches follows the form; narrow and dark screens, axe."""

import re
from collections.abc import Iterator

import pytest
from django.test import Client
from playwright.sync_api import Browser, Page, Route, expect
from pytest_django.live_server_helper import LiveServer

from tests.chromium import NARROW, accessible, fits, fits_narrow, page_of
from tests.factories import make_run, make_story
from tests.made_trees import made_tree, store_made_tree
from tests.webapp.labeling.made import project_of
from webapp.labeling.choices import Mode

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]


@pytest.fixture
def page(
    browser: Browser, transactional_db: None, live_server: LiveServer, researcher_client: Client
) -> Iterator[Page]:
    project_of(0, Mode.RANKING)
    project_of(0, Mode.TREE_STEP)
    make_story(steps=4, groups=6, size=4)
    store_made_tree(make_run("search", method={"kind": "deepsearch"}), made_tree(60))
    with page_of(researcher_client, browser, live_server.url) as page:
        yield page


def test_what_matches_follows_the_form_and_is_added(page: Page) -> None:
    page.goto("/label/test-0/")
    page.get_by_role("link", name="From a run’s rollouts").first.click()
    expect(page.get_by_text("Choose a run to see what there is")).to_be_visible()
    accessible(page)
    page.get_by_label("Run").select_option(index=2)
    expect(page.get_by_text("24 groups match")).to_be_visible()
    expect(page).to_have_url(re.compile(r"run=\d+"))
    expect(page.get_by_text("No reward model judged")).to_be_visible()
    page.get_by_label("From step").fill("3")
    page.get_by_label("Responses an item").fill("2")
    page.get_by_role("radio", name="Where rewards differ most").check()
    expect(page.get_by_text("24 groups match")).to_be_hidden()
    expect(page.get_by_role("radio", name="Where rewards differ most")).to_be_checked()
    expect(page).to_have_url(re.compile(r"first_step=3.*responses=2.*choose=(?!random)"))
    accessible(page)
    page.set_viewport_size(NARROW)
    fits(page)
    page.reload()
    expect(page.get_by_label("From step")).to_have_value("3")
    page.get_by_role("button", name=re.compile(r"^Add \d+ items$")).click()
    expect(page.get_by_text(re.compile(r"\d+ items are added"))).to_be_visible()
    page.get_by_role("link", name="1", exact=True).click()
    expect(page.get_by_role("link", name=re.compile(r"^run \d+, step \d")).first).to_be_visible()
    accessible(page)


def test_a_choice_of_groups_is_not_lost_while_another_run_is_looked_at(page: Page) -> None:
    page.goto("/label/test-0/from-run/")
    waiting: list[Route] = []
    page.route(re.compile(r"/from-run/\?"), lambda route: waiting.append(route))
    page.get_by_label("Run").select_option(index=2)
    differing = page.get_by_role("radio", name="Where rewards differ most")
    expect(differing).to_be_disabled()
    waiting[0].continue_()
    page.unroute_all()
    differing.check()
    expect(page.get_by_text(re.compile("groups? match"))).to_be_visible()
    expect(page).to_have_url(re.compile("choose=spread"))
    expect(differing).to_be_checked()


def test_steps_of_trees_fit_narrow_and_dark_screens(page: Page) -> None:
    page.goto("/label/test-1/from-trees/")
    page.get_by_label("Run").select_option(index=1)
    expect(page.get_by_text("nodes match")).to_be_visible()
    page.get_by_role("button", name="Switch between light and dark").click()
    accessible(page)
    page.set_viewport_size(NARROW)
    fits_narrow(page, page.url)
