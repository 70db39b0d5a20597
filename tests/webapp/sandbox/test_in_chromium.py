"""The page in a real browser: a program that really runs, keys, charts, narrow and dark screens, axe."""

import re
import threading
from collections.abc import Iterator

import pytest
from django.db import connection, transaction
from django.test import Client
from playwright.sync_api import Browser, Page, expect
from pytest_django.live_server_helper import LiveServer

from tests.chromium import NARROW, accessible, fits_narrow, in_thread, page_of
from tests.webapp.sandbox.made import made_samples, made_worker
from training.sandbox.client import LocalSandbox
from webapp.sandbox.models import SandboxWorker, WorkerState
from workers import queue
from workers.sandbox import console

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]


@pytest.fixture(scope="module")
def sandbox() -> Iterator[LocalSandbox]:
    with LocalSandbox(zygotes=1, slots=2) as sandbox:
        yield sandbox


@pytest.fixture
def page(
    browser: Browser,
    live_server: LiveServer,
    researcher_client: Client,
    sandbox: LocalSandbox,
    monkeypatch: pytest.MonkeyPatch,
) -> Iterator[Page]:
    """With a thread in a worker's place, which runs what is sent in a real sandbox."""
    threads: list[threading.Thread] = []

    def carry(call_id: int) -> None:
        try:
            console.carry(call_id, "sandbox@here", lambda call, waited: sandbox.submit(call))
        finally:
            connection.close()

    def send(call_id: int) -> None:
        threads.append(threading.Thread(target=carry, args=(call_id,)))
        transaction.on_commit(threads[-1].start)

    monkeypatch.setattr(queue, "run_console_call", send)
    with page_of(researcher_client, browser, live_server.url) as page:
        yield page
    for thread in threads:
        thread.join(30)


def test_a_program_is_written_run_and_mended_by_keyboard(page: Page) -> None:
    page.goto("/sandbox/")
    page.keyboard.press("e")
    program = page.get_by_label("Program")
    expect(program).to_be_focused()
    program.fill("name = input()\nprint('<b>hello</b>', name)\n1 / 0")
    page.get_by_label("Input").fill("world")
    page.keyboard.press("Control+Enter")
    result = page.locator("#result")
    expect(result).to_contain_text("ZeroDivisionError at line 3: division by zero")
    expect(result.get_by_label("Standard output")).to_have_text("<b>hello</b> world\n")
    expect(page).to_have_url(re.compile(r"\?run=\d+$"))
    accessible(page)
    program.fill("6 * 7")
    program.press("Control+Enter")
    expect(result.get_by_label("Value of the last expression")).to_have_text("42")
    expect(result).to_contain_text("It ran to its end")
    page.reload()
    expect(program).to_have_value("6 * 7")
    expect(result.get_by_label("Value of the last expression")).to_have_text("42")


def test_workers_and_charts_follow_and_fit_every_screen(page: Page) -> None:
    page.goto("/sandbox/")
    expect(page.get_by_text("No sandbox worker runs")).to_be_visible()
    accessible(page)
    in_thread(
        lambda: (
            made_worker(),
            made_worker("other@there", WorkerState.REFUSED, message="no Landlock"),
            made_samples(60),
        )
    )
    expect(page.get_by_text("Takes calls")).to_be_visible()
    expect(page.get_by_text("no Landlock")).to_be_visible()
    page.get_by_role("link", name="15m").click()
    expect(page.locator("[data-plot=latency] .scatterlayer .trace")).to_have_count(4)
    expect(page.locator("[data-summary]")).to_contain_text("p99")
    page.get_by_text("Show data table").click()
    expect(page.locator("[data-table] tbody tr").nth(5)).to_be_visible()
    accessible(page)
    page.get_by_role("button", name="Switch between light and dark").click()
    accessible(page)
    page.set_viewport_size(NARROW)
    fits_narrow(page, "/sandbox/?window=15m")
    in_thread(lambda: SandboxWorker.objects.filter(name="sandbox@here").update(state=WorkerState.STOPPED))
    expect(page.get_by_text("Stopped")).to_be_visible()
