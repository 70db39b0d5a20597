"""The browser of the tests: one for a whole session, since Playwright can be started only once in a thread.

And what tests of pages do with it: open one as a user, ask whether it is accessible, write rows beside it.
"""

import os
import shutil
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Literal

from axe_playwright_python.sync_playwright import Axe
from django.db import connection
from django.test import Client
from playwright.sync_api import Browser, Page, Request, ViewportSize, expect, sync_playwright
from playwright.sync_api import TimeoutError as Late

QUIET = ["--no-sandbox", "--disable-gpu", "--disable-background-networking", "--disable-component-update"]
WIDE: ViewportSize = {"width": 1300, "height": 900}
NARROW: ViewportSize = {"width": 400, "height": 800}
WIDEST = "document.documentElement.scrollWidth"
PATIENCE_MS = 60_000
"""How long is waited for what must come. It costs nothing where it comes, and on a busy machine it may take a while."""
REST_MS = 5_000
"""How long a page that closes waits for answers."""
SHOTS = os.environ.get("PAGE_SHOTS")
"""A folder for screenshots, to look at."""
SCHEMES: tuple[Literal["light", "dark"], ...] = ("light", "dark")


def chromium_path() -> str | None:
    """The system's Chromium, without its windows if it can be had; None: Playwright may have one of its own."""
    names = ("chromium-headless-shell", "chromium", "chromium-browser", "google-chrome")
    return next(filter(None, map(shutil.which, names)), None)


def open_browser() -> Iterator[Browser]:
    """A browser, closed when the generator ends."""
    expect.set_options(timeout=PATIENCE_MS)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium_path(), args=QUIET)
        yield browser
        browser.close()


def wait_for_scripts(page: Page) -> None:
    """Have all that is expected of a page, or done on it, wait until its scripts have run, and htmx what it put in.

    What a server sent is seen while the rest still arrives; what a script answers would be pressed in vain.
    """
    page.add_init_script("addEventListener('load', () => document.documentElement.setAttribute('data-loaded', ''))")
    for unready in ("html:not([data-loaded])", ".htmx-settling"):
        page.add_locator_handler(page.locator(unready).first, lambda: None)  # goes on once there is none any more


def requests_of(page: Page) -> set[Request]:
    """What a page has asked for and not got yet, at any moment from now on."""
    pending: set[Request] = set()
    page.on("request", lambda request: pending.add(request))
    page.on("requestfinished", lambda request: pending.discard(request))
    page.on("requestfailed", lambda request: pending.discard(request))
    return pending


def come_to_rest(page: Page, pending: set[Request]) -> None:
    """Let what is under way be answered: the server would still read, and write, while a test's end empties tables."""
    for _ in range(REST_MS // 20):
        if pending and not page.is_closed():
            page.wait_for_timeout(20)


@contextmanager
def page_of(client: Client, browser: Browser, address: str, expected: str | None = None) -> Iterator[Page]:
    """A page of whoever the client is logged in as.

    A fault of its scripts or its content policy fails the test, and so does a request to elsewhere; faults that hold
    the text ``expected`` do not.
    """
    faults: list[str] = []
    own = (address, "data:", "blob:", "file:")
    context = browser.new_context(base_url=address, viewport=WIDE)
    context.set_default_timeout(PATIENCE_MS)
    context.add_cookies([{"name": "sessionid", "value": client.cookies["sessionid"].value, "url": address}])
    page = context.new_page()
    wait_for_scripts(page)
    page.on("console", lambda message: faults.append(message.text) if message.type == "error" else None)
    page.on("pageerror", lambda error: faults.append(str(error)))
    page.on("request", lambda request: None if request.url.startswith(own) else faults.append(request.url))
    pending = requests_of(page)
    try:
        yield page
    finally:
        come_to_rest(page, pending)
        context.close()
    unexpected = [fault for fault in faults if expected is None or expected not in fault]
    assert not unexpected, "\n".join(unexpected)


def accessible(page: Page) -> None:
    """Fail on any serious or critical finding of axe."""
    page.wait_for_load_state()
    found = Axe().run(page).response["violations"]
    grave = [each for each in found if each["impact"] in {"serious", "critical"}]
    told = [
        f"{each['id']}: {each['help']}: {[(node['target'], node['failureSummary']) for node in each['nodes']][:4]}"
        for each in grave
    ]
    assert not told, f"{page.url}\n" + "\n".join(told)


def becomes(page: Page, expression: str, value: object) -> None:
    """Wait until a JavaScript expression has a value; one that cannot be evaluated yet has none."""
    told = f"JSON.stringify({expression}) === JSON.stringify(wanted)"
    try:
        page.wait_for_function(f"(wanted) => {{ try {{ return {told} }} catch {{ return false }} }}", arg=value)
    except Late:
        assert page.evaluate(expression) == value
        raise


def fits(page: Page) -> None:
    """The page needs no sideways scroll on a narrow screen, once all of it has its place."""
    try:
        page.wait_for_function(f"() => {WIDEST} <= {NARROW['width']}")
    except Late as error:
        raise AssertionError(f"{page.url} is {page.evaluate(WIDEST)} pixels wide") from error


def fits_narrow(page: Page, address: str) -> None:
    """The page at an address needs no sideways scroll on a narrow screen, and is accessible."""
    page.goto(address)
    fits(page)
    accessible(page)


def shoot(page: Page, name: str, *, full: bool = True) -> None:
    """Keep what the page shows, where somebody asked for it."""
    if SHOTS:
        page.screenshot(path=Path(SHOTS) / f"{name}.png", full_page=full)


def look(page: Page, name: str) -> None:
    """Readable in every light and width, without a sideways scroll; kept where somebody asked for it."""
    for scheme in SCHEMES:
        page.emulate_media(color_scheme=scheme)
        page.set_viewport_size(WIDE)
        accessible(page)
        shoot(page, f"{name}-{scheme}")
        page.set_viewport_size(NARROW)
        fits(page)
        shoot(page, f"{name}-{scheme}-narrow")
    page.set_viewport_size(WIDE)


def in_thread(work: Callable[[], object]) -> None:
    """Write rows from a thread of its own: with the browser, a test's thread has no database to share."""

    def carry() -> None:
        try:
            work()
        finally:
            connection.close()

    with ThreadPoolExecutor(1) as pool:
        pool.submit(carry).result()
