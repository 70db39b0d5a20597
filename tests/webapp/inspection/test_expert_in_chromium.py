"""A step beside the expert's, in a real browser: on any screen, in light and dark."""

import pytest
from django.test import Client
from django.urls import reverse
from playwright.sync_api import Browser, expect
from pytest_django.live_server_helper import LiveServer

from tests.chromium import NARROW, accessible, fits_narrow, page_of
from tests.webapp.inspection.test_expert import step_group

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]


def test_steps_beside_the_experts_fit_and_are_told_apart_without_colour(
    researcher_client: Client, live_server: LiveServer, browser: Browser
) -> None:
    group = step_group(context=["12+7=19", "1" * 300])
    addresses = [
        reverse("inspection:group", args=[group.pk]),
        reverse("inspection:rollout", args=[group.rollouts.get(index=1).pk]),
    ]
    with page_of(researcher_client, browser, live_server.url) as page:
        for address in addresses:
            page.goto(address)
            page.locator("summary", has_text="before it, given").click()
            shared, own = page.locator(".beside .shared").first, page.locator(".beside .own").first
            expect(shared).to_have_css("border-bottom-style", "solid")
            expect(own).to_have_css("border-bottom-style", "dotted")
            accessible(page)
        page.emulate_media(color_scheme="dark")
        page.set_viewport_size(NARROW)
        for address in addresses:
            fits_narrow(page, address)
