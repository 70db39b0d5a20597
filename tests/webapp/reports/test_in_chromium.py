"""Reports in a real browser: from ticked runs to curves, table and files; following; keyboard; narrow and dark."""

import re
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from tests.chromium import NARROW, SCHEMES, WIDE, accessible, becomes, fits, shoot
from tests.webapp.reports.made import made_report, two_arms
from webapp.runs.models import Run
from webapp.runs.status import RunStatus

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]
DATA = "document.querySelector('#chart-heldout-pass_at_1 [data-plot]').data"


def drawn(page: Page) -> None:
    expect(page.locator("#chart-heldout-pass_at_1 .main-svg").first).to_be_visible()


def test_ticked_runs_become_curves_and_a_table(page: Page) -> None:
    two_arms()
    page.goto("/runs/")
    expect(page.locator("[data-report-button]")).to_be_disabled()
    page.locator("[data-tick-all]").check()
    page.get_by_role("button", name="Make a report").click()
    expect(page).to_have_url(re.compile(r"/reports/new\?runs=[\d,]+$"))
    shoot(page, "new")
    accessible(page)
    page.get_by_label("Title").fill("Does searching pay?")
    page.get_by_label("Question").fill("Does a search reach GRPO's plateau with fewer tokens?")
    page.get_by_label("Baseline").fill("GRPO")
    page.get_by_role("button", name="Make the report").click()
    expect(page).to_have_url(re.compile(r"/reports/does-searching-pay/$"))
    drawn(page)
    expect(page.locator(".results thead th")).to_have_text(["Figure", "GRPO", "Search"])
    expect(page.locator(".results tr", has_text="as a share of the baseline's").first).to_contain_text("0.3")
    named = f"{DATA}.filter((trace) => trace.meta !== undefined).map((trace) => trace.name)"
    seeds = [f"{arm}, seed {seed}" for arm in ("GRPO", "Search") for seed in range(3)]
    becomes(page, named, [*seeds, "GRPO, mean of 3", "Search, mean of 3"])


def test_axis_and_band_stand_in_the_address_and_all_goes_into_one_file(page: Page, tmp_path: Path) -> None:
    report = made_report(two_arms())
    page.goto(f"/reports/{report.slug}/")
    drawn(page)
    page.get_by_role("link", name="Tokens", exact=True).click()
    becomes(page, f"{DATA}.at(-1).x.at(-1)", 100_000)
    expect(page).to_have_url(re.compile(r"\?x=tokens$"))
    page.get_by_role("link", name="95 % interval", exact=True).click()
    expect(page).to_have_url(re.compile(r"band=interval"))
    page.reload()
    drawn(page)
    expect(page.get_by_role("link", name="Tokens", exact=True)).to_have_attribute("aria-current", "true")
    accessible(page)
    page.get_by_text("Export ▾").click()
    with page.expect_download() as download:
        page.get_by_role("link", name="One HTML file").click()
    file = tmp_path / "report.html"
    download.value.save_as(file)
    page.goto(file.as_uri())
    expect(page.locator("figure svg")).to_have_count(6)
    accessible(page)
    shoot(page, "export-light")
    page.emulate_media(color_scheme="dark")
    shoot(page, "export-dark")
    page.set_viewport_size(NARROW)
    fits(page)
    shoot(page, "export-narrow")


def test_one_cursor_walks_all_charts_and_enter_opens_the_rollouts(page: Page) -> None:
    report = made_report(two_arms())
    page.goto(f"/reports/{report.slug}/?x=tokens")
    drawn(page)
    body = page.locator("#chart-heldout-pass_at_1 [data-body]")
    body.focus()
    body.press("ArrowLeft")
    expect(page.locator("#chart-heldout-pass_at_1 [data-readout]")).to_have_text(re.compile(r"^95,000 tokens: GRPO "))
    expect(page.locator("#chart-reward-mean [data-cursor]")).to_be_visible()
    body.press("ArrowDown")
    expect(page.locator("#announcer")).to_have_text(re.compile("Search"))
    body.press("Enter")
    drawer = page.locator("#step-drawer")
    expect(drawer).to_contain_text("Rollouts of Search, seed 0")
    expect(drawer).to_contain_text("Step 95")
    page.keyboard.press("Escape")
    page.get_by_role("button", name="Search", exact=True).click()
    expect(page).to_have_url(re.compile("hide=search"))
    becomes(page, f"{DATA}.filter((trace) => trace.meta !== undefined).length", 4)
    box = page.locator("#chart-reward-mean .nsewdrag").bounding_box()
    assert box is not None
    page.mouse.move(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
    page.keyboard.press("?")
    expect(page.locator("#shortcuts")).to_contain_text("to another arm")


def test_a_page_follows_its_runs(page: Page) -> None:
    runs = two_arms((0, 1))
    Run.objects.filter(pk=runs[0].pk).update(status=RunStatus.RUNNING, step=50)
    report = made_report(runs)
    page.clock.install()
    page.goto(f"/reports/{report.slug}/")
    drawn(page)
    state = page.locator("[data-part=state]")
    expect(state).to_contain_text("3 of 4 runs done; 1 on the way")
    Run.objects.filter(pk=runs[0].pk).update(status=RunStatus.SUCCEEDED, step=100)
    page.clock.fast_forward(6000)
    expect(state).to_contain_text("All 4 runs are done.")
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    page.clock.fast_forward(60_000)
    page.wait_for_timeout(200)
    assert asked == []


def test_pages_are_readable_in_every_light_and_width(page: Page) -> None:
    report = made_report(two_arms(), title="Search against GRPO, over three seeds")
    for name, address in (
        ("list", "/reports/"),
        ("report", f"/reports/{report.slug}/"),
        ("empty", "/reports/deepsearch/"),
    ):
        page.set_viewport_size(WIDE)
        page.goto(address)
        if name == "report":
            drawn(page)
        for scheme in SCHEMES:
            page.emulate_media(color_scheme=scheme)
            page.set_viewport_size(WIDE)
            accessible(page)
            shoot(page, f"{name}-{scheme}")
            page.set_viewport_size(NARROW)
            fits(page)
            shoot(page, f"{name}-{scheme}-narrow")
