"""A conversation in a real browser, answered by the real trainer."""

import threading
from pathlib import Path
from typing import Any
from unittest.mock import patch

import pytest
from django.test import Client
from playwright.sync_api import Browser, expect
from pytest_django.live_server_helper import LiveServer

from tests.chromium import NARROW, SHOTS, accessible, fits_narrow, in_thread, page_of
from training.__main__ import main
from webapp.playground.models import Question
from workers import playground

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]


def test_answers_are_read_while_they_are_written_and_gone_on_from(
    browser: Browser, live_server: LiveServer, researcher_client: Client, settings: Any, tmp_path: Path
) -> None:
    settings.PLAYGROUND_DIR = tmp_path
    may_end = threading.Event()

    def run_child(work: playground.QuestionWork) -> bool:
        half = '{"model": 0, "sample": 0, "text": "<think>half", "length": 16}\n'
        work.job.answers_file.write_text(half)
        assert may_end.wait(60)
        return main(["chat", str(work.job.folder / "config.json"), "--out", str(work.job.answers_file)]) == 0

    def answer() -> None:
        with patch.object(playground.QuestionWork, "run_child", run_child):
            playground.chat(Question.objects.latest("pk").pk)

    with patch("workers.queue._send"), page_of(researcher_client, browser, live_server.url) as page:
        page.goto("/playground/")
        expect(page.get_by_text("There is none yet")).to_be_visible()
        accessible(page)
        page.get_by_label("Your question").fill("What is 3 plus 4?")
        page.get_by_label("Right answer").fill("7")
        page.get_by_text("How they answer").click()
        page.get_by_label("Responses a model").fill("3")
        page.get_by_label("Longest response").fill("64")
        page.get_by_role("button", name="Ask", exact=True).click()
        expect(page.get_by_text("It waits for a worker")).to_be_visible()
        worker = threading.Thread(target=in_thread, args=(answer,))
        worker.start()
        expect(page.get_by_text("<think>half")).to_be_visible()
        may_end.set()
        expect(page.get_by_text("✓ Done", exact=True)).to_be_visible()
        expect(page.locator("#announcer")).to_have_text("Question 1: Done.")
        worker.join()
        expect(page.get_by_role("link", name="Tokens")).to_have_count(3)
        accessible(page)
        if SHOTS:
            for scheme in ("light", "dark"):
                page.emulate_media(color_scheme=scheme)
                page.screenshot(path=f"{SHOTS}/playground-{scheme}.png", full_page=True)
        page.get_by_role("button", name="Go on from here").first.click()
        expect(page.get_by_text("goes on from here", exact=True)).to_be_visible()
        conversation = page.url
        page.get_by_role("link", name="Tokens").first.click()
        page.locator("token-strip .tokens i").first.hover()
        expect(page.locator("[data-readout]")).to_contain_text("Log-prob")
        page.locator("token-strip .tokens i").first.click()
        page.locator("token-strip .tokens").press("ArrowRight")
        expect(page.locator("[data-readout]")).to_contain_text("Token 1 ")
        page.get_by_role("button", name="Entropy").click()
        accessible(page)
        if SHOTS:
            page.screenshot(path=f"{SHOTS}/playground-tokens.png", full_page=True)
        page.set_viewport_size(NARROW)
        fits_narrow(page, "/playground/")
        fits_narrow(page, conversation)
