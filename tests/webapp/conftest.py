"""What tests of pages in a real browser share."""

from collections.abc import Iterator

import pytest
from django.test import Client
from playwright.sync_api import Browser, Page
from pytest_django.live_server_helper import LiveServer

from tests.chromium import page_of


@pytest.fixture
def page(browser: Browser, live_server: LiveServer, researcher_client: Client) -> Iterator[Page]:
    """A researcher's page on the server of the test."""
    with page_of(researcher_client, browser, live_server.url) as page:
        yield page
