"""The browser of the tests: one for a whole session, since Playwright can be started only once in a thread."""

import shutil
from collections.abc import Iterator

from playwright.sync_api import Browser, sync_playwright

QUIET = ["--no-sandbox", "--disable-gpu", "--disable-background-networking", "--disable-component-update"]


def chromium_path() -> str | None:
    """The system's Chromium; None leaves the choice to Playwright, which may have one of its own."""
    return next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)


def open_browser() -> Iterator[Browser]:
    """A browser, closed when the generator ends."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium_path(), args=QUIET)
        yield browser
        browser.close()
