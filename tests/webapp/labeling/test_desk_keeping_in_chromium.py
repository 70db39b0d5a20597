"""What a failing network, an ended login or a reload may not take from a labeler."""

import re
from datetime import UTC, datetime
from typing import Any

import pytest
from django.contrib.sessions.models import Session
from django.test import Client
from playwright.sync_api import Page, expect
from pytest_django.live_server_helper import LiveServer

from tests.chromium import in_thread
from tests.webapp.labeling.desk_pages import open_desk, ranked, shows, stored
from tests.webapp.labeling.made import project_of
from webapp.accounts.models import User
from webapp.labeling.choices import Mode
from webapp.labeling.models import Assignment

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]


@pytest.fixture
def page(desk_page: Page) -> Page:
    return desk_page


def send_now(page: Page) -> None:
    """Press the button, though what waits may have been sent by itself in this very moment, and the button be gone."""
    page.locator("[data-waiting] button", has_text="Send now").dispatch_event("click")


def test_a_label_waits_for_the_connection_and_is_sent_once(page: Page) -> None:
    open_desk(page, project_of(3))
    shows(page, 1)
    page.context.set_offline(True)
    page.keyboard.press("2")
    page.keyboard.press("Control+Enter")
    waits = page.locator("[data-waiting]")
    expect(waits).to_contain_text("1 label waits for the connection")
    page.context.set_offline(False)
    shows(page, 2)
    expect(waits).to_be_hidden()
    assert len(stored()) == 1
    # The answer is lost, though the label is in: it is sent again, and is the same.
    seen: list[str] = []

    def lose(route: Any) -> None:
        if not seen:
            route.fetch()
        seen.append(route.request.post_data_json["client_id"])
        route.abort()

    page.route("**/submit/", lose)
    page.keyboard.press("4")
    page.keyboard.press("Control+Enter")
    expect(waits).to_be_visible()
    assert len(stored()) == 2
    page.reload()
    expect(waits).to_be_visible()
    page.unroute("**/submit/")
    send_now(page)
    expect(waits).to_be_hidden()
    shows(page, 3)
    assert len(set(seen)) == 1
    assert len(stored()) == 2
    assert page.evaluate("Object.keys(localStorage).filter((key) => key.includes('outbox'))") == []


def test_a_full_browser_still_sends_what_it_cannot_keep(page: Page) -> None:
    open_desk(page, project_of(3))
    full = "throw new DOMException('full', 'QuotaExceededError')"
    page.evaluate(f"() => {{ Storage.prototype.setItem = () => {{ {full}; }}; }}")
    page.context.set_offline(True)
    page.keyboard.press("2")
    page.keyboard.press("Control+Enter")
    waits = page.locator("[data-waiting]")
    expect(waits).to_contain_text("leave this page open until they are sent")
    page.context.set_offline(False)
    shows(page, 2)
    expect(waits).to_be_hidden()
    assert len(stored()) == 1


def test_a_login_that_ended_keeps_the_label_and_a_refused_one_says_why(
    page: Page, client: Client, ann: User, live_server: LiveServer
) -> None:
    project = project_of(3)
    open_desk(page, project)
    in_thread(lambda: Session.objects.all().delete())
    page.keyboard.press("1")
    page.keyboard.press("Control+Enter")
    waits = page.locator("[data-waiting]")
    expect(waits).to_contain_text("You are logged out, and 1 label waits here")
    expect(waits.get_by_role("link", name="Log in")).to_be_visible()
    in_thread(lambda: client.force_login(ann))
    session = client.cookies["sessionid"].value
    page.context.add_cookies([{"name": "sessionid", "value": session, "url": live_server.url}])
    send_now(page)
    shows(page, 2)
    assert len(stored()) == 1
    # Meanwhile the item was skipped elsewhere: the server takes no label for it.
    in_thread(lambda: Assignment.objects.filter(state="reserved").update(state="skipped"))
    page.keyboard.press("1")
    page.keyboard.press("Control+Enter")
    refused = page.locator("[data-refused]")
    expect(refused).to_contain_text("A label was not taken: This item is skipped already.")
    refused.get_by_role("button", name="Discard it").click()
    shows(page, 3)
    expect(refused).to_be_hidden()


def test_what_is_entered_is_saved_and_there_after_a_reload(page: Page) -> None:
    open_desk(page, project_of(1, Mode.RANKING, responses=3))
    page.keyboard.press("c")
    page.keyboard.press("1")
    page.locator(".comment summary").click()
    page.get_by_label("Comment on this item").fill("s is no key here")
    saved = page.locator("[data-saved-words]")
    expect(saved).to_have_text(re.compile(r"^Saved \d\d:\d\d:\d\d$"))
    with page.expect_response(lambda answer: "key here!" in (answer.request.post_data or "")):
        page.get_by_label("Comment on this item").press("!")
    page.reload()
    expect(page.get_by_label("Comment on this item")).to_have_value("s is no key here!")
    expect(saved).to_have_text(re.compile(r"^Saved \d\d:\d\d:\d\d$"))
    ranked(page, ["AC", "B"])


def test_time_stands_still_while_the_page_is_hidden(page: Page) -> None:
    open_desk(page, project_of(1))
    page.clock.install(time=datetime(2030, 1, 1, tzinfo=UTC))
    page.clock.pause_at(datetime(2030, 1, 2, tzinfo=UTC))
    seconds = page.evaluate(
        """async () => {
            const { Stopwatch } = await import("/static/js/labeling/stopwatch.js");
            window.watch = new Stopwatch(2);
            return window.watch.seconds;
        }"""
    )
    assert seconds == 2
    hide = """(hidden) => {
        Object.defineProperty(document, "hidden", {value: hidden, configurable: true});
        document.dispatchEvent(new Event("visibilitychange"));
    }"""
    page.clock.run_for(3000)
    page.evaluate(hide, True)
    page.clock.run_for(60_000)
    page.evaluate(hide, False)
    page.clock.run_for(4000)
    assert page.evaluate("window.watch.seconds") == pytest.approx(9, abs=0.1)
