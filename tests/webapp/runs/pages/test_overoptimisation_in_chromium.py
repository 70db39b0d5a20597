"""The page of over-optimisation in a real browser: it draws, opens the answers behind a point, and fits a phone."""

import re
from collections.abc import Iterator

import pytest
from django.test import Client
from playwright.sync_api import Browser, Page, expect
from pytest_django.live_server_helper import LiveServer

from tests.chromium import NARROW, accessible, becomes, fits_narrow, page_of
from tests.webapp.runs.pages.gamed import gamed_run
from tests.webapp.runs.pages.made import make_run
from webapp.runs.models import Run

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]
TRACES = "document.querySelector('[data-plot]').data.map((trace) => trace.meta ?? trace.line.dash)"
PLACE = """() => {
  const plot = document.querySelector('[data-plot]');
  const { xaxis, yaxis } = plot._fullLayout;
  const trace = plot.data.find((each) => each.meta === 'gold');
  const box = plot.getBoundingClientRect();
  return [box.left + xaxis._offset + xaxis.d2p(trace.x[5]), box.top + yaxis._offset + yaxis.d2p(trace.y[5])];
}"""


@pytest.fixture
def run(transactional_db: None) -> Run:
    return gamed_run()


@pytest.fixture
def page(browser: Browser, run: Run, live_server: LiveServer, researcher_client: Client) -> Iterator[Page]:
    with page_of(researcher_client, browser, live_server.url) as page:
        yield page


def test_it_draws_opens_a_point_and_walks_by_keyboard(page: Page, run: Run) -> None:
    page.goto(f"/runs/{run.pk}/overoptimisation/")
    expect(page.locator("[data-plot] .main-svg").first).to_be_visible()
    becomes(page, TRACES, ["proxy", "dash", "gold"])
    page.get_by_label("best-of-n form").check()
    becomes(page, TRACES, ["proxy", "dash", "dot", "gold"])
    expect(page.locator("[data-plot]")).to_contain_text("d*, 10 points")
    accessible(page)
    page.mouse.click(*page.evaluate(PLACE))
    drawer = page.locator("#step-drawer")
    expect(drawer).to_be_visible()
    expect(drawer.locator("[data-drawer-page]")).to_have_attribute(
        "href", re.compile(r"/steps/25/\?split=heldout|split=heldout")
    )
    page.keyboard.press("Escape")
    body = page.locator("[data-body]")
    body.focus()
    page.keyboard.press("ArrowLeft")
    expect(page.locator("[data-readout]")).to_contain_text("step 45")
    page.keyboard.press("Enter")
    expect(drawer).to_be_visible()


def test_the_table_and_the_signs_fit_a_narrow_dark_screen(page: Page, run: Run) -> None:
    page.set_viewport_size(NARROW)
    page.emulate_media(color_scheme="dark")
    empty = make_run()
    for address in (f"/runs/{run.pk}/overoptimisation/", f"/runs/{empty.pk}/overoptimisation/"):
        fits_narrow(page, address)
    page.goto(f"/runs/{run.pk}/overoptimisation/")
    page.get_by_text("Show data table").click()
    expect(page.get_by_role("region", name="Evaluations")).to_contain_text("Held-out pass@1")
    fits_narrow(page, f"/runs/{run.pk}/checkpoints/")
