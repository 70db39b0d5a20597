"""The pages of teachings in a real browser: a form that shows what it will cost, and a page that follows its job."""

from unittest.mock import patch

import pytest
from django.test import Client
from django.utils import timezone
from playwright.sync_api import Browser, expect
from pytest_django.live_server_helper import LiveServer

from tests.chromium import NARROW, accessible, fits_narrow, in_thread, page_of
from tests.webapp.teaching.made import with_lines, written
from webapp.core.jobs import JobState
from webapp.teaching.models import TeachingJob

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]


def test_a_teaching_is_started_and_watched(
    browser: Browser, live_server: LiveServer, researcher_client: Client
) -> None:
    with patch("workers.queue._send"), page_of(researcher_client, browser, live_server.url) as page:
        page.goto("/datasets/teach/")
        expect(page.get_by_text("It costs nothing")).to_be_visible()
        teacher = page.get_by_role("group", name="Teacher")
        expect(teacher.get_by_label("Address")).to_be_hidden()
        teacher.get_by_label("An endpoint").check()
        teacher.get_by_label("Address").fill("http://localhost:1/v1")
        teacher.get_by_label("Model", exact=True).fill("wise")
        teacher.get_by_label("Dollars a million tokens out").fill("10")
        page.get_by_label("Answers a problem").fill("1")
        page.get_by_label("Problems taken", exact=True).fill("3")
        page.get_by_label("Name of the new set").fill("Sums")
        expect(page.get_by_text("At most 3 answers to 3 problems")).to_be_visible()
        accessible(page)
        page.get_by_role("button", name="Have them solved").click()
        expect(page.get_by_text("It waits for a worker")).to_be_visible()
        lines = [written(0, "so \\boxed{1}"), written(1, "<script>alert(1)</script>", "wrong")]
        job = TeachingJob(config=in_database("config"), pk=in_database("pk"))
        in_thread(lambda: with_lines(job, lines, heartbeat_at=timezone.now()))
        expect(page.get_by_text("2 of 3 problems asked")).to_be_visible()
        expect(page.get_by_text("<script>alert(1)</script>")).to_be_visible()
        accessible(page)
        in_thread(lambda: TeachingJob.objects.update(state=JobState.FAILED, error="no such model\n" + "x" * 200))
        expect(page.get_by_role("button", name="Try again")).to_be_visible()
        page.set_viewport_size(NARROW)
        fits_narrow(page, f"/datasets/teach/{job.pk}/")
        fits_narrow(page, "/datasets/teach/")


def in_database(field: str) -> object:
    found: list[object] = []
    in_thread(lambda: found.append(TeachingJob.objects.values_list(field, flat=True).get()))
    return found[0]
