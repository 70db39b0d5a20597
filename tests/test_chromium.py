"""The tests of pages wait for a page's scripts, and for what htmx has just put in, before they press anything."""

import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.chromium import becomes, wait_for_scripts

pytestmark = pytest.mark.browser

PAGE = """<!doctype html><title>Late</title><script type="module" src="/late.js"></script>
<a href="/">Again</a><button>Press</button>"""
SCRIPT = "document.querySelector('button').onclick = (event) => { event.target.textContent = 'Pressed'; };"
LATE_S = 0.3


class Late(BaseHTTPRequestHandler):
    """A page whose script comes late, by which time its button stands there already."""

    def do_GET(self) -> None:
        is_script = self.path.endswith("late.js")
        time.sleep(LATE_S * is_script)
        self.send_response(200)
        self.send_header("Content-Type", "text/javascript" if is_script else "text/html")
        self.end_headers()
        self.wfile.write((SCRIPT if is_script else PAGE).encode())

    def log_message(self, *_: object) -> None:
        """Nothing."""


@pytest.fixture
def page(browser: Browser) -> Iterator[Page]:
    with ThreadingHTTPServer(("127.0.0.1", 0), Late) as server:
        threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
        page = browser.new_page()
        wait_for_scripts(page)
        page.goto(f"http://127.0.0.1:{server.server_port}/")
        yield page
        page.close()
        server.shutdown()


def test_a_button_is_pressed_once_its_script_has_run(page: Page) -> None:
    page.get_by_role("link", name="Again").click()
    page.get_by_role("button", name="Press").click()
    expect(page.get_by_role("button")).to_have_text("Pressed")


def test_keys_are_pressed_once_something_was_expected_of_the_page(page: Page) -> None:
    page.get_by_role("link", name="Again").click()
    expect(page.get_by_role("button")).to_be_visible()
    page.evaluate("document.querySelector('button').focus()")
    page.keyboard.press("Enter")
    expect(page.get_by_role("button")).to_have_text("Pressed")


def test_an_expression_that_cannot_be_evaluated_yet_is_waited_for(page: Page) -> None:
    page.evaluate("() => { setTimeout(() => { window.drawn = { x: [3] }; }, 100); }")
    becomes(page, "window.drawn.x.at(-1)", 3)
