"""A failing call in a real browser: read, run again, seen in the tokens, explained, set against a sibling."""

import re
from collections.abc import Iterator
from dataclasses import dataclass

import pytest
from django.test import Client
from playwright.sync_api import Browser, Page, expect
from pytest_django.live_server_helper import LiveServer

from tests.chromium import NARROW, accessible, fits, fits_narrow, page_of
from tests.made_traces import ALL_KINDS, CLEAN, STUMBLES, make_agentic_run, make_traced_group, prompt_with_tools
from webapp.accounts.models import User
from webapp.inspection.rollout_page import read_rollout

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]


@dataclass(frozen=True)
class Story:
    """What the tests look at, read before the browser starts."""

    run: int
    group: int
    stumbles: int
    clean: int
    kinds: int
    call: int
    """Id of the call that fails."""
    result: int
    """First token of its result."""
    reflection: int
    """First token of a reflection on it."""


@pytest.fixture
def story(transactional_db: None) -> Story:
    run = make_agentic_run(roc=True)
    group = make_traced_group(run, (STUMBLES, CLEAN, ALL_KINDS, CLEAN), rewards=(1, 1, 0, 0), left_out=(3,),
                              prompt=prompt_with_tools(run))  # fmt: skip
    stumbles, clean, kinds, _ = group.rollouts.order_by("index").values_list("pk", flat=True)
    page = read_rollout(stumbles)
    assert page.trace is not None
    assert page.classed is not None
    call = page.trace.calls[0].row
    reflection = next(token for token, kind in enumerate(page.classed.classes.tolist()) if kind == 1)
    return Story(run.pk, group.pk, stumbles, clean, kinds, call.pk, call.start_token, reflection)


@pytest.fixture
def page(browser: Browser, story: Story, live_server: LiveServer, client: Client, researcher: User) -> Iterator[Page]:
    client.force_login(researcher)
    with page_of(client, browser, live_server.url) as page:
        yield page


def test_a_failing_call_is_read_run_again_explained_and_compared(page: Page, story: Story) -> None:
    page.goto(f"/groups/{story.group}/")
    expect(page.get_by_text("1 failing").first).to_be_visible()
    page.goto(f"/rollouts/{story.stumbles}/")
    page.keyboard.press("e")
    expect(page.locator("#call-1")).to_be_focused()
    expect(page.locator("#call-1 .line.wrong")).to_contain_text("failed here")
    expect(page.locator("#call-1").get_by_role("link", name="Run it again")).to_have_attribute(
        "href", f"/sandbox/?call={story.call}"
    )
    page.get_by_role("button", name="Copy code").first.click()
    expect(page.locator("#announcer")).to_have_text(re.compile("copied|copy it by keyboard"))
    accessible(page)

    page.get_by_role("button", name="Class", exact=True).click()
    expect(page.locator(".tokens .k2").first).to_be_visible()
    page.locator(".tokens i").nth(story.reflection).click()
    expect(page.locator("[data-readout]")).to_contain_text("reflection on a tool's result")
    why = page.locator("[data-why-panel]")
    expect(why).to_contain_text("Among the most uncertain fifth")
    expect(why).to_contain_text("3 of 4 responses were kept")
    expect(why).to_contain_text("not measured")
    page.locator(".tokens i").nth(story.result).click()
    expect(why).to_contain_text("the tool wrote it, as the result of call 1")
    expect(page.locator("[data-readout]")).to_contain_text("the model did not draw it")
    accessible(page)

    page.get_by_role("link", name="Compare with response 1").click()
    expect(page.locator("#turn-1")).to_contain_text("first divergence: calls")
    accessible(page)


def test_turns_are_walked_by_keyboard_and_have_addresses(page: Page, story: Story) -> None:
    page.goto(f"/rollouts/{story.stumbles}/#turn-2")
    expect(page.locator("#turn-2")).to_be_focused()
    page.keyboard.press("n")
    expect(page.locator("#turn-3")).to_be_focused()
    expect(page).to_have_url(re.compile("#turn-3$"))
    page.keyboard.press("n")
    page.keyboard.press("p")
    expect(page.locator("#turn-2")).to_be_focused()
    expect(page.locator(".outline a[aria-current]")).to_have_count(1)
    page.keyboard.press("o")
    expect(page.get_by_role("button", name="Fold reasoning")).to_be_visible()
    page.keyboard.press("o")
    expect(page.locator("details.reasoning[open]")).to_have_count(0)
    page.get_by_role("button", name="No marks").click()
    expect(page.locator(".tokens .special").first).to_be_hidden()


def test_pages_of_traces_fit_a_narrow_dark_screen(page: Page, story: Story) -> None:
    page.set_viewport_size(NARROW)
    page.emulate_media(color_scheme="dark")
    for address in (
        f"/rollouts/{story.kinds}/?by=class", f"/rollouts/compare/?a={story.kinds}&b={story.clean}",
        f"/runs/{story.run}/rollouts/?calls=failed",
    ):  # fmt: skip
        fits_narrow(page, address)
    page.goto(f"/runs/{story.run}/reasoning/")
    expect(page.get_by_role("heading", name="Uncertain tokens and their phrases")).to_be_visible()
    fits(page)
    accessible(page)
    page.locator(".phrases a").first.click()
    expect(page.locator("token-strip")).to_have_class(re.compile("by-class"))
