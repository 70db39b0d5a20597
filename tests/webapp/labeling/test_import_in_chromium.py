"""Items from a file in a real browser: uploaded, looked at, added; narrow screens, axe."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from django.test import Client
from playwright.sync_api import Browser, Page, expect
from pytest_django.live_server_helper import LiveServer

from tests.chromium import NARROW, accessible, fits, fits_narrow, page_of
from tests.webapp.labeling.made import project_of
from webapp.labeling.choices import Mode

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]


@pytest.fixture
def page(
    browser: Browser, transactional_db: None, live_server: LiveServer, researcher_client: Client
) -> Iterator[Page]:
    project_of(0, Mode.RANKING)
    with page_of(researcher_client, browser, live_server.url) as page:
        yield page


def test_a_file_is_uploaded_looked_at_and_added(page: Page, tmp_path: Path) -> None:
    long = "first " * 30 + "https://example.org/" + "unbroken" * 30
    right, wrong = {"text": long, "source": "model a", "correct": True}, {"text": "I do not know", "correct": False}
    rows = [{"prompt": f"What is {n}+{n}?", "reference": str(2 * n), "responses": [right, wrong]} for n in range(12)]
    file = tmp_path / "sums.jsonl"
    file.write_text("\n".join([*map(json.dumps, rows), "{broken", json.dumps({"prompt": "alone", "responses": ["x"]})]))
    page.goto("/label/test-0/")
    page.get_by_role("link", name="From a file").first.click()
    accessible(page)
    page.get_by_label("File").set_input_files(file)
    page.get_by_role("button", name="Upload and look at the items").click()
    expect(page.get_by_text("12 items can be added; 2 rows cannot be used")).to_be_visible()
    expect(page.get_by_role("region", name="Rows that cannot be used")).to_contain_text("1 responses")
    accessible(page)
    page.set_viewport_size(NARROW)
    fits(page)
    page.get_by_role("button", name="Add 12 items").click()
    expect(page.get_by_text("12 items are added")).to_be_visible()
    expect(page.get_by_role("link", name="12", exact=True)).to_be_visible()
    fits_narrow(page, "/label/test-0/import/")
