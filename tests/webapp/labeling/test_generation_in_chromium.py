"""The page of generations in a real browser: started, watched while it runs, stopped; narrow and accessible."""

from unittest.mock import patch

import pytest
from django.test import Client
from playwright.sync_api import Browser, expect
from pytest_django.live_server_helper import LiveServer

from tests.chromium import NARROW, accessible, fits_narrow, in_thread, page_of
from tests.webapp.labeling.made import project_of
from webapp.core.jobs import JobState
from webapp.labeling.generation.job import GenerationJob

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]


def test_a_generation_is_started_watched_and_stopped(
    browser: Browser, live_server: LiveServer, researcher_client: Client
) -> None:
    slug = project_of(0).slug
    with patch("workers.queue._send"), page_of(researcher_client, browser, live_server.url) as page:
        page.goto(f"/label/{slug}/generate/")
        page.get_by_label("The built-in model").check()
        expect(page.get_by_label("Prompts", exact=True).locator("visible=true")).to_have_count(1)
        page.get_by_label("Typed here").check()
        page.locator("#id_texts").fill("What is 2 + 2?\n\nWhat is 3 + 3?")
        accessible(page)
        page.get_by_role("button", name="Send to labelers").click()
        expect(page.get_by_text("2 typed prompts, 2 responses a model")).to_be_visible()
        in_thread(lambda: GenerationJob.objects.update(state=JobState.RUNNING, done=1, total=2))
        expect(page.get_by_text("1 of 2 prompts answered")).to_be_visible()
        accessible(page)
        page.get_by_role("button", name="Stop generation").click()
        expect(page.get_by_text("Stopping…")).to_be_visible()
        in_thread(lambda: GenerationJob.objects.update(state=JobState.FAILED, error="no such folder\n" + "x" * 200))
        expect(page.get_by_role("button", name="Try again")).to_be_visible()
        page.set_viewport_size(NARROW)
        fits_narrow(page, f"/label/{slug}/generate/")
