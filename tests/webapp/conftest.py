"""What tests of pages in a real browser share."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest
from django.test import Client
from pytest_django.live_server_helper import LiveServer

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page


@pytest.fixture
def page(browser: Browser, live_server: LiveServer, researcher_client: Client) -> Iterator[Page]:
    """A researcher's page on the server of the test."""
    from tests.chromium import page_of  # the tests of the web alone run where there is no Playwright

    with page_of(researcher_client, browser, live_server.url) as page:
        yield page
