"""A labeler, and a page of theirs."""

from collections.abc import Iterator

import pytest
from django.test import Client
from playwright.sync_api import Browser, Page
from pytest_django.live_server_helper import LiveServer

from tests.chromium import page_of
from tests.webapp.labeling.desk_pages import left_in_peace
from tests.webapp.labeling.made import labelers
from webapp.accounts.models import User


@pytest.fixture
def ann() -> User:
    [ann] = labelers(1)
    return ann


@pytest.fixture
def desk_page(browser: Browser, live_server: LiveServer, client: Client, ann: User) -> Iterator[Page]:
    """Failing requests are part of these tests; every other fault of the console fails them."""
    client.force_login(ann)
    with page_of(client, browser, live_server.url, expected="Failed to load resource") as page:
        page.set_default_timeout(8000)
        with left_in_peace(page):
            yield page
