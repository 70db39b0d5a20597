"""What surrounds every page, in a real browser: the navigation, and what is said when the server does not answer."""

import pytest
from django.test import Client
from playwright.sync_api import Browser, expect
from pytest_django.live_server_helper import LiveServer

from tests.chromium import NARROW, fits, page_of

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]


def test_the_navigation_opens_by_keys_and_folds_where_narrow(
    browser: Browser, live_server: LiveServer, researcher_client: Client
) -> None:
    with page_of(researcher_client, browser, live_server.url) as page:
        page.goto("/workers/")
        group = page.get_by_role("button", name="Machines")
        expect(group).to_have_attribute("aria-current", "true")
        group.press("Enter")
        page.keyboard.press("Tab")
        expect(page.get_by_role("link", name="Workers", exact=True)).to_be_focused()
        page.keyboard.press("Escape")
        expect(group).to_be_focused()
        expect(group).to_have_attribute("aria-expanded", "false")
        group.press("Enter")
        page.get_by_role("button", name="Data").press("Enter")
        expect(group).to_have_attribute("aria-expanded", "false")

        page.set_viewport_size(NARROW)
        solutions = page.get_by_role("navigation", name="Main").get_by_role("link", name="Solutions")
        expect(solutions).to_be_hidden()
        page.get_by_role("button", name="Menu").press("Enter")
        expect(solutions).to_be_visible()
        fits(page)


SENT_TWICE = """() => {
  const form = document.createElement("form");
  form.method = "post";
  document.body.append(form);
  const send = () => form.dispatchEvent(new Event("submit", { bubbles: true, cancelable: true }));
  return [send(), send()];
}"""
"""Whether the browser would send a form, and at once the same once more."""


POLLED = """() => {
  const part = document.getElementById("announcer");
  part.setAttribute("hx-trigger", "every 1s");
  return htmx.ajax("GET", "/datasets/verifier/", { source: part, target: part, swap: "none" });
}"""
"""A poll that is answered."""


def test_a_page_says_when_the_server_is_gone_and_when_it_is_back(
    browser: Browser, live_server: LiveServer, researcher_client: Client
) -> None:
    said = "#connection"
    with page_of(researcher_client, browser, live_server.url) as page:
        page.goto("/workers/")
        assert page.evaluate(SENT_TWICE) == [True, False]
        page.locator("#workers-status").dispatch_event("htmx:sendError")  # a poll: there is nothing to do once more
        expect(page.locator(said)).to_contain_text("Connection lost")
        expect(page.locator(said)).to_be_hidden()
        page.evaluate("document.dispatchEvent(new CustomEvent('htmx:sendError'))")
        expect(page.locator(said)).to_contain_text("Connection lost")
        expect(page.locator(said)).to_contain_text("answers again. What you did")
        page.evaluate(POLLED)
        expect(page.locator(said)).to_contain_text("answers again. What you did")
        page.evaluate("htmx.ajax('GET', '/datasets/verifier/', {target: '#announcer', swap: 'none'})")
        expect(page.locator(said)).to_be_hidden()
