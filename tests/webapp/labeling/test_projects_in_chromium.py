"""The pages of projects in a real browser: made by hand, previewed, watched, narrow and dark screens, axe."""

from collections.abc import Iterator

import pytest
from django.test import Client
from playwright.sync_api import Browser, Page, expect
from pytest_django.live_server_helper import LiveServer

from tests.chromium import NARROW, accessible, fits_narrow, page_of
from tests.webapp.labeling.made import given, labelers, project_of, submit
from webapp.accounts.models import User
from webapp.labeling import answers
from webapp.labeling.choices import FlagReason, SkipReason

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]

RULES = "# What counts\n\n- **Right** comes first\n- Short beats long\n\n[More](https://example.org/rules)"
LONG = "https://example.org/" + "very-long-name-without-any-break-" * 6


@pytest.fixture
def project(transactional_db: None) -> None:
    """With labels, a flag, a skip, an item aside and one in hand."""
    project = project_of(8, overlap=2, instructions=RULES, too_fast_seconds=10)
    lea, max_ = labelers(2)
    for user in (lea, max_):
        submit(given(project, user))
    answers.flag(given(project, lea), lea, FlagReason.TRUNCATED, f"It ends in the middle, see {LONG}")
    answers.skip(given(project, max_), max_, SkipReason.TOO_LONG)
    given(project, max_)


@pytest.fixture
def page(browser: Browser, project: None, live_server: LiveServer, researcher_client: Client) -> Iterator[Page]:
    with page_of(researcher_client, browser, live_server.url) as page:
        yield page


def test_a_project_is_made_by_hand_with_a_rubric_and_a_preview(page: Page, researcher: User) -> None:
    page.goto("/label/")
    page.get_by_role("link", name="New project").click()
    page.get_by_label("Name").fill("Clear answers")
    expect(page.get_by_role("group", name="Rubric")).to_be_hidden()
    page.get_by_role("radio", name="Rating by a rubric").check()
    page.locator("[name=rubric-0-label]").fill("Right")
    page.get_by_role("button", name="Add a criterion").click()
    expect(page.locator("[name=rubric-1-label]")).to_be_focused()
    page.keyboard.type("Clear")
    page.get_by_label("Text").fill(RULES)
    preview = page.locator("#instructions-preview")
    expect(preview.get_by_role("heading", name="What counts")).to_be_visible()
    expect(preview.get_by_role("link", name="More")).to_have_attribute("rel", "noopener nofollow")
    page.get_by_role("radio", name="Only these").check()
    page.get_by_role("checkbox", name=researcher.username).check()
    accessible(page)
    page.get_by_role("button", name="Create project").click()
    expect(page.get_by_role("heading", name="Clear answers")).to_be_visible()
    expect(page.get_by_text("no items yet")).to_be_visible()
    accessible(page)
    page.get_by_role("link", name="Edit").click()
    expect(page.locator("[name=rubric-1-label]")).to_have_value("Clear")
    accessible(page)


def test_a_flagged_item_is_set_aside_and_the_project_closed(page: Page) -> None:
    page.goto("/label/test-0/")
    accessible(page)
    page.get_by_role("button", name="Set item 2 aside").click()
    expect(page.get_by_text("Item 2 is set aside")).to_be_visible()
    page.get_by_role("definition").filter(has_text="1").get_by_role("link").last.click()
    page.get_by_role("link", name="2", exact=True).click()
    expect(page.get_by_role("heading", name="Item 2")).to_be_visible()
    accessible(page)
    page.get_by_role("button", name="Put item 2 back").click()
    expect(page.get_by_text("Item 2 is back in the queue")).to_be_visible()
    page.goto("/label/test-0/")
    page.get_by_role("button", name="Close…").click()
    expect(page.get_by_role("dialog")).to_contain_text("Nobody is given items any more")
    page.get_by_role("button", name="Close the project").click()
    expect(page.get_by_role("button", name="Open again")).to_be_visible()


def test_the_pages_fit_narrow_and_dark_screens(page: Page) -> None:
    page.goto("/label/")
    page.get_by_role("button", name="Switch between light and dark").click()
    accessible(page)
    page.set_viewport_size(NARROW)
    for address in ("", "new/", "test-0/", "test-0/edit/", "test-0/items/", "test-0/items/2/", "test-0/delete/"):
        fits_narrow(page, f"/label/{address}")
