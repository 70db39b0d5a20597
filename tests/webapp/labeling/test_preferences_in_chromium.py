"""The page of predicted labels in a real browser."""

import pytest
from django.test import Client
from playwright.sync_api import Browser, expect
from pytest_django.live_server_helper import LiveServer

from tests.chromium import NARROW, accessible, fits_narrow, page_of
from tests.webapp.labeling.test_preferences import run_with

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]


def test_figures_stand_beside_drawings_wide_and_narrow(
    researcher_client: Client, browser: Browser, live_server: LiveServer
) -> None:
    run = run_with(0, 20)
    with page_of(researcher_client, browser, live_server.url) as page:
        page.goto(f"{live_server.url}/runs/{run.pk}/preferences/")
        expect(page.get_by_role("img", name="Share of pairs predicted")).to_be_visible()
        page.get_by_text("<b>2+2</b>").click()
        expect(page.get_by_text("Response 2 was preferred to 1.")).to_be_visible()
        accessible(page)
        page.set_viewport_size(NARROW)
        fits_narrow(page, page.url)
        page.get_by_role("link", name="← Step 0").click()
        expect(page.get_by_text("at step 0")).to_be_visible()
