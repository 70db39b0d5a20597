"""A researcher's first evening: log in, start a run, watch it, look behind a point, stop, resume, compare."""

import itertools
import re
from collections.abc import Callable

import pytest
from playwright.sync_api import Locator, Page, expect

from tests.browser.conftest import Stack
from tests.browser.journeys import SLOW, change_password, log_in
from tests.chromium import NARROW, accessible, fits

pytestmark = [pytest.mark.browser, pytest.mark.processes]


def test_the_first_login_asks_for_a_password_of_ones_own(page: Page, stack: Stack) -> None:
    log_in(page, "wrong")
    expect(page.get_by_role("alert")).to_contain_text("correct username and password")
    accessible(page)
    log_in(page, stack.password)
    expect(page.get_by_label("Old password")).to_be_visible()
    accessible(page)
    change_password(page, stack.password)
    accessible(page)


def reached_step(page: Page) -> int:
    """The step that the page shows as reached."""
    found = re.search(r"(\d+)\s*/\s*150", page.locator("[data-part=header]").inner_text())
    return int(found[1]) if found else 0


def wait_until(page: Page, true: Callable[[], bool]) -> None:
    for _ in range(SLOW // 250):
        if true():
            return
        page.wait_for_timeout(250)
    raise AssertionError(f"still waiting on {page.url} after {SLOW / 1000:.0f} s")


def test_a_run_starts_from_a_preset_and_its_charts_move(page: Page) -> None:
    page.goto("/runs/new/")
    page.get_by_role("link", name=re.compile("^Demo")).click()
    expect(page.get_by_text("Preset: Demo")).to_be_visible()
    accessible(page)
    page.locator("#start-run").click()
    expect(page).to_have_url(re.compile(r"/runs/1/$"))
    summary = page.locator("#chart-reward [data-summary]")
    expect(summary).to_contain_text("at step", timeout=SLOW)
    before = summary.inner_text()
    expect(summary).not_to_have_text(before, timeout=SLOW)
    wait_until(page, lambda: reached_step(page) >= 5)
    accessible(page)


def reads_off(chart: Locator, place: int) -> bool:
    """Whether the chart says what is under the pointer there; between its first few points there is nothing."""
    box = chart.locator(".nsewdrag").bounding_box()
    assert box is not None
    chart.page.mouse.move(box["x"] + (place * 17) % box["width"], box["y"] + box["height"] / 2)
    return bool(chart.locator("[data-readout]").inner_text())


def test_a_point_of_a_chart_opens_the_rollouts_behind_it(page: Page) -> None:
    page.goto("/runs/1/")
    chart = page.locator("#chart-reward")
    expect(chart.locator("[data-summary]")).to_contain_text("at step", timeout=SLOW)
    places = itertools.count()
    wait_until(page, lambda: reads_off(chart, next(places)))
    chart.locator(".nsewdrag").click()
    drawer = page.locator("#step-drawer")
    expect(drawer.get_by_text(re.compile(r"Rewards of \d+ responses"))).to_be_visible()
    drawer.get_by_role("link", name="Open as a page").click()
    expect(page).to_have_url(re.compile(r"/runs/1/steps/\d+/"))
    accessible(page)
    page.get_by_role("link", name="Its siblings").first.click()
    expect(page).to_have_url(re.compile(r"/groups/\d+/"))
    accessible(page)
    page.go_back()
    page.get_by_role("link", name="Open", exact=True).first.click()
    expect(page.locator("token-strip")).to_be_visible()
    accessible(page)


def test_a_run_stops_with_a_checkpoint_and_resumes_where_it_stopped(page: Page) -> None:
    page.goto("/runs/1/")
    page.get_by_role("button", name="Stop…").click()
    page.get_by_role("button", name="Stop and save").click()
    expect(page.locator("[data-part=header]")).to_contain_text("Stopped", timeout=SLOW)
    resume = page.get_by_role("button", name=re.compile(r"Resume from step \d+"))
    stopped_at = int(resume.inner_text().split()[-1].rstrip("…"))
    expect(page.locator("[data-part=header]")).to_contain_text(re.compile(rf"(?<!\d){stopped_at}\s*/\s*150"))
    resume.click()
    page.locator("#resume-run").get_by_role("button", name="Resume").click()
    expect(page.locator("[data-part=header]")).to_contain_text("Running", timeout=SLOW)
    wait_until(page, lambda: reached_step(page) > stopped_at)
    page.get_by_role("button", name="Stop…").click()
    page.get_by_role("button", name="Stop now").click()
    expect(page.locator("[data-part=header]")).to_contain_text("Stopped", timeout=SLOW)


def test_a_clone_is_compared_with_its_original(page: Page) -> None:
    page.goto("/runs/1/")
    page.get_by_role("link", name="Clone").click()
    expect(page.locator("#start-run")).to_be_visible()
    accessible(page)
    page.locator("#start-run").click()
    expect(page).to_have_url(re.compile(r"/runs/2/$"))
    wait_until(page, lambda: reached_step(page) >= 3)
    page.get_by_role("button", name="Stop…").click()
    page.get_by_role("button", name="Stop now").click()
    expect(page.locator("[data-part=header]")).to_contain_text("Stopped", timeout=SLOW)
    page.goto("/runs/compare/?runs=1,2")
    expect(page.locator("metric-chart").first.locator(".scatterlayer .trace").nth(1)).to_be_attached()
    accessible(page)


ADDRESSES = (
    "/runs/",
    "/runs/1/reasoning/",
    "/runs/1/checkpoints/",
    "/runs/1/health/",
    "/runs/1/log/",
    "/runs/1/config/",
    "/runs/1/rollouts/",
    "/runs/reference/",
    "/datasets/",
    "/datasets/verifier/",
    "/accounts/users/",
)


@pytest.mark.parametrize(
    ("theme", "address"),
    [*(("light", address) for address in ADDRESSES), *(("dark", address) for address in ADDRESSES[::3])],
)
def test_axe_finds_nothing_serious_on(page: Page, theme: str, address: str) -> None:
    page.goto("/runs/")
    page.evaluate("theme => localStorage.setItem('theme', theme)", theme)
    response = page.goto(address)
    assert response is not None
    assert response.ok, f"{address} answered {response.status}"
    accessible(page)


@pytest.mark.parametrize("address", ["/runs/", "/runs/1/", "/runs/new/", "/runs/1/rollouts/", "/datasets/"])
def test_a_narrow_screen_needs_no_sideways_scrolling(page: Page, address: str) -> None:
    page.set_viewport_size(NARROW)
    page.goto(address)
    fits(page)
