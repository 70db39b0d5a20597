"""The dialog that starts several runs in a real browser: by keyboard alone, narrow, and the page it leads to."""

import re
from collections.abc import Iterator
from unittest.mock import patch

import pytest
from django.test import Client
from playwright.sync_api import Browser, Page, expect
from pytest_django.live_server_helper import LiveServer

from tests.chromium import NARROW, WIDE, accessible, becomes, fits, in_thread, page_of, shoot
from tests.webapp.runs.pages.made import add_figures
from training.config.presets import DEMO
from webapp.reports.sweeps.plan import plan_sweep
from webapp.reports.sweeps.reading import read_axes
from webapp.reports.sweeps.services import start_sweep
from webapp.runs.models import Run
from webapp.runs.status import RunStatus

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]


@pytest.fixture
def page(browser: Browser, live_server: LiveServer, researcher_client: Client) -> Iterator[Page]:
    with patch("workers.queue._send"), page_of(researcher_client, browser, live_server.url) as page:
        yield page


def test_a_grid_is_started_by_keyboard_and_its_report_follows(page: Page) -> None:
    page.goto("/runs/new/?preset=demo")
    page.get_by_role("button", name="Several runs…").press("Enter")
    dialog = page.get_by_role("dialog", name="Several runs")
    expect(dialog.get_by_label("Seeds")).to_be_focused()
    expect(dialog.get_by_role("button", name="Start 3 runs")).to_be_enabled()
    page.keyboard.press("Control+a")
    page.keyboard.type("0, 1")
    page.keyboard.press("Tab")
    page.keyboard.type("optimisation.learning_rate")
    page.keyboard.press("Tab")
    page.keyboard.type("1e-4, 3e-4, -1")
    expect(dialog.get_by_text("1 combination cannot be run.")).to_be_visible()
    expect(dialog.get_by_role("button", name="Start 4 runs")).to_be_disabled()
    accessible(page)
    shoot(page, "dialog-refused", full=False)
    dialog.get_by_label("Leave out combinations").press("Space")
    expect(dialog.get_by_role("button", name="Start 4 runs")).to_be_enabled()
    page.set_viewport_size(NARROW)
    fits(page)
    accessible(page)
    shoot(page, "dialog-narrow", full=False)
    page.keyboard.press("Escape")
    shoot(page, "form-narrow", full=False)
    page.set_viewport_size(WIDE)
    shoot(page, "form", full=False)
    page.get_by_role("button", name="Several runs…").press("Enter")
    dialog.get_by_label("Title of the report").fill("Two rates")
    expect(dialog.get_by_role("button", name="Start 4 runs")).to_be_enabled()
    dialog.get_by_role("button", name="Start 4 runs").press("Enter")
    expect(page).to_have_url(re.compile(r"/reports/two-rates/$"))
    expect(page.locator("[data-part=state]")).to_contain_text("0 of 4 runs done; 4 on the way")
    shoot(page, "report-queued")
    in_thread(half_done)
    page.reload()
    row = page.locator(".grid-settings tbody tr").first
    expect(row).to_contain_text("1 of 2, 1 on its way")
    accessible(page)
    shoot(page, "report-half")
    page.set_viewport_size(NARROW)
    fits(page)
    shoot(page, "report-half-narrow")
    page.set_viewport_size(WIDE)
    page.get_by_role("button", name="Stop all…").press("Enter")
    page.get_by_role("button", name="Stop and save").press("Enter")
    expect(page.locator("main")).to_contain_text("2 runs asked to stop")


def half_done() -> None:
    """The runs of the first seed have ended, those of the second are queued."""
    for run in Run.objects.all():
        rate, seed = run.config["optimisation"]["learning_rate"], run.config["seed"]
        if seed == 0:
            steps = [0.1 + 0.3 * (1 - 0.8**step) + 100 * rate for step in range(11)]
            add_figures(run, {"heldout/pass_at_1": steps, "reward/mean": steps}, first=0, every=run.total_steps // 10)
            done = {"status": RunStatus.SUCCEEDED, "step": run.total_steps, "train_seconds": 120}
            Run.objects.filter(pk=run.pk).update(**done)


def test_of_many_settings_the_best_are_drawn_at_first(page: Page) -> None:
    axes = read_axes([
        ("optimisation.learning_rate", "1e-4, 2e-4, 4e-4"), ("method.loss.clip_high", "0.2, 0.28, 0.4"),
    ])  # fmt: skip
    start_sweep(plan_sweep(DEMO.config, axes, (0,)), title="Nine settings")
    half_done()
    page.goto("/reports/nine-settings/")
    expect(page.locator("#chart-heldout-pass_at_1 .main-svg").first).to_be_visible()
    traces = "document.querySelector('#chart-heldout-pass_at_1 [data-plot]').data.length"
    becomes(page, traces, 8)
    page.get_by_text("9 arms, 8 of them drawn at first").press("Enter")
    hidden = page.locator(".arm-legend button[aria-pressed=false]")
    expect(hidden).to_have_count(1)
    page.evaluate("document.querySelectorAll('.arm-legend button[aria-pressed=false]').forEach((each) => each.click())")
    expect(hidden).to_have_count(0)
    becomes(page, traces, 9)
    expect(page).to_have_url(re.compile(r"\?hide=,$"))
    page.reload()
    becomes(page, traces, 9)
    accessible(page)
    shoot(page, "report-many")
    page.set_viewport_size(NARROW)
    fits(page)
    shoot(page, "report-many-narrow")
