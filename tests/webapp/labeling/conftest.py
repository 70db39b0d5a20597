"""A labeler, and a page of theirs."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest
from django.test import Client
from pytest_django.live_server_helper import LiveServer

from tests.webapp.labeling.made import labelers
from webapp.accounts.models import User

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page


@pytest.fixture
def ann() -> User:
    [ann] = labelers(1)
    return ann


@pytest.fixture
def desk_page(browser: Browser, live_server: LiveServer, client: Client, ann: User) -> Iterator[Page]:
    """Failing requests are part of these tests; every other fault of the console fails them."""
    from tests.chromium import page_of  # the tests of the web alone run where there is no Playwright
    from tests.webapp.labeling.desk_pages import left_in_peace

    client.force_login(ann)
    with page_of(client, browser, live_server.url, expected="Failed to load resource") as page, left_in_peace(page):
        yield page
