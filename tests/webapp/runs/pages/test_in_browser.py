"""Charts in a real browser: they draw, follow, rewind, zoom, share a cursor, and open the rollouts behind a point."""

import re

import pytest
from playwright.sync_api import Page, expect

from tests.chromium import becomes
from tests.webapp.runs.pages.made import add_figures, make_run
from training.events import Started
from webapp.runs.models import Run
from webapp.runs.status import RunStatus
from workers.ingest.store import _restart

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]
STORE = "import(document.querySelector('script[src*=charts]').src).then(({ store }) => %s)"


def with_curves(status: RunStatus = RunStatus.SUCCEEDED, steps: int = 60, **fields: str) -> Run:
    run = make_run(status, **fields)
    figures = {
        "reward/mean": [step / 100 for step in range(1, steps + 1)],
        "response/length_mean": [10.0 + step for step in range(steps)],
        "tokens/total": [50.0 * step for step in range(1, steps + 1)],
    }
    add_figures(run, figures)
    return run


def open_charts(page: Page, address: str) -> None:
    page.goto(address)
    expect(page.locator("#chart-reward .main-svg, #chart-reward-mean .main-svg").first).to_be_visible()


def test_a_live_chart_moves_rewinds_and_rests_when_the_run_has_ended(page: Page) -> None:
    run = with_curves(RunStatus.RUNNING, total_steps=100)
    open_charts(page, f"/runs/{run.pk}/")
    summary = page.locator("#chart-reward [data-summary]")
    expect(summary).to_have_text("last 0.6 at step 60 · best 0.6 at step 60")
    add_figures(run, {"reward/mean": [0.9]}, first=61)
    expect(summary).to_have_text("last 0.9 at step 61 · best 0.9 at step 61")
    expect(page.locator(".run-facts")).to_contain_text("61 / 100")

    _restart(run, Started(step=40, attempt=2, total_steps=100, resumed_step=40))
    run.save()
    add_figures(run, {"reward/mean": [0.1] * 30}, first=41)
    expect(summary).to_have_text("last 0.1 at step 70 · best 0.4 at step 40")

    add_figures(run, {"policy/kl": [0.5]}, first=70)
    expect(page.locator("#chart-kl .main-svg").first).to_be_visible()

    stop = page.get_by_role("button", name="Stop…")
    stop.focus()
    Run.objects.filter(pk=run.pk).update(status=RunStatus.SUCCEEDED)
    expect(page.locator(".run-state")).to_contain_text("Succeeded")
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    page.wait_for_timeout(2500)
    assert asked == []
    expect(stop).to_be_focused()
    page.locator("h1").click()
    expect(stop).to_have_count(0)  # it was kept only as long as somebody stood on it


def test_a_point_opens_its_rollouts_and_back_closes_them(page: Page) -> None:
    run = with_curves()
    open_charts(page, f"/runs/{run.pk}/?smooth=0.5")
    body = page.locator("#chart-reward [data-body]")
    body.focus()
    for _ in range(3):
        body.press("ArrowLeft")
    expect(page.locator("#chart-length [data-readout]")).to_have_text("step 57: 66")
    body.press("Enter")
    drawer = page.locator("#step-drawer")
    expect(drawer).to_contain_text("Step 57")
    page.get_by_role("link", name="Open as a page").click()
    expect(page).to_have_url(re.compile(rf"/runs/{run.pk}/steps/57/"))
    page.go_back()
    expect(drawer).to_contain_text("Step 57")
    page.go_back()
    expect(drawer).to_be_hidden()
    expect(page).to_have_url(re.compile(r"smooth=0\.5$"))
    box = page.locator("#chart-reward .nsewdrag").bounding_box()
    assert box is not None
    page.mouse.move(box["x"] + box["width"] / 2, box["y"] + 40)
    expect(page.locator("#chart-reward [data-readout]")).to_contain_text(re.compile(r"step (29|30|31|32):"))
    page.mouse.click(box["x"] + box["width"] / 2, box["y"] + 40)
    expect(drawer).to_contain_text(re.compile(r"Step (29|30|31|32)\b"))


def test_a_click_opens_the_point_that_is_read_off_though_the_chart_was_drawn_anew_meanwhile(page: Page) -> None:
    run = with_curves(RunStatus.RUNNING, total_steps=100)
    open_charts(page, f"/runs/{run.pk}/")
    chart = page.locator("#chart-reward")
    chart.locator(".nsewdrag").hover()
    expect(chart.locator("[data-readout]")).to_contain_text("step 3")
    add_figures(run, {"reward/mean": [0.9], "policy/kl": [0.5]}, first=61)  # a new curve: all charts are made anew
    expect(page.locator("#chart-kl .main-svg").first).to_be_visible()
    expect(chart.locator("[data-summary]")).to_contain_text("at step 61")
    expect(chart.locator(".nsewdrag")).to_be_attached()
    page.evaluate("document.querySelector('#chart-reward').pointed = null")
    page.mouse.down()
    page.mouse.up()
    expect(page.locator("#step-drawer")).to_contain_text(re.compile(r"Step 3\d\b"))
    page.keyboard.press("Escape")
    expect(page.locator("#step-drawer")).to_be_hidden()
    page.mouse.down()
    page.mouse.move(900, 300, steps=4)
    page.mouse.up()
    expect(page.locator("[data-zoom-out]")).to_be_visible()
    expect(page.locator("#step-drawer")).to_be_hidden()


def test_a_zoom_reads_single_steps_for_all_charts_and_stands_in_the_address(page: Page) -> None:
    run = with_curves(steps=1500)
    open_charts(page, f"/runs/{run.pk}/?from=640&to=660")
    expect(page.locator("[data-zoom-out]")).to_be_visible()
    # One look at all of it: while charts are laid out the window may be set again, and its points asked for again.
    steps = "store.get(store.runs[0], 'reward/mean').steps"
    fine = STORE % f"store.zoomed.size >= 2 && store.level === 4 && {steps}.length === 21 && {steps}[0] === 640"
    page.wait_for_function(f"() => {fine}")
    expect(page.locator("#chart-length [data-summary]")).to_have_text("last 669 at step 660")
    page.click("[data-zoom-out]")
    expect(page).to_have_url(re.compile(rf"/runs/{run.pk}/$"))
    expect(page.locator("#chart-length [data-summary]")).to_contain_text("at step 1500")


def test_how_charts_are_drawn_survives_a_reload(page: Page) -> None:
    run = with_curves()
    open_charts(page, f"/runs/{run.pk}/")
    page.click("[data-x=tokens]")
    page.click("#chart-toolbar [data-xlog]")
    page.click("#chart-reward [data-ylog]")
    page.locator("[data-smooth]").fill("0.9")
    expect(page).to_have_url(re.compile(r"\?x=tokens&xlog=1&ylog=reward&smooth=0\.9$"))
    open_charts(page, page.url)
    for button in ("[data-x=tokens]", "#chart-toolbar [data-xlog]", "#chart-reward [data-ylog]"):
        expect(page.locator(button)).to_have_attribute("aria-pressed", "true")
    expect(page.locator("#chart-length [data-ylog]")).to_have_attribute("aria-pressed", "false")
    becomes(page, "document.querySelector('#chart-reward [data-plot]').layout.xaxis.type", "log")
    becomes(page, "document.querySelector('#chart-reward [data-plot]').data.at(-1).x.at(-1)", 3000)  # tokens, not steps
    raw = page.evaluate("document.querySelector('#chart-reward [data-plot]').data.map((trace) => trace.y.at(-1))")
    assert raw[0] == pytest.approx(0.6)
    assert raw[1] < 0.56  # smoothed


def test_points_at_or_below_zero_are_said_to_be_missing_on_a_logarithmic_axis(page: Page) -> None:
    run = make_run()
    add_figures(run, {"reward/mean": [0.0, -0.5, 0.5, float("nan"), 0.25]})
    open_charts(page, f"/runs/{run.pk}/?ylog=reward")
    expect(page.locator("#chart-reward [data-summary]")).to_have_text(
        "last 0.25 at step 5 · best 0.5 at step 3 · 1 not finite · "
        "2 at or below 0 cannot be drawn on a logarithmic axis"
    )


def test_ticked_runs_are_compared_and_one_can_be_hidden(page: Page) -> None:
    runs = [with_curves(name=name, group="seeds") for name in ("one", "two", "three")]
    page.goto("/runs/")
    compare = page.locator("[data-compare-button]")
    expect(compare).to_be_disabled()
    for run in runs[:2]:
        page.check(f"#run-{run.pk} input[name=runs]")
    expect(compare).to_have_text("Compare 2 runs")
    compare.click()
    expect(page).to_have_url(re.compile(rf"/runs/compare/\?runs={runs[1].pk},{runs[0].pk}$"))
    open_charts(page, page.url)
    data = "document.querySelector('#chart-reward-mean [data-plot]').data"
    drawn = f"{data}.filter((trace) => trace.meta !== undefined).map((trace) => trace.name)"
    becomes(page, drawn, ["two", "one"])
    page.click(f"[data-hide='{runs[1].pk}']")
    becomes(page, drawn, ["one"])
    page.click("[data-mean]")
    becomes(page, drawn, ["one", "seeds: mean of 2"])
    page.get_by_role("link", name="make baseline").click()
    expect(page).to_have_url(re.compile(rf"hide={runs[1].pk}.*mean=1|mean=1.*hide={runs[1].pk}"))


def test_rows_of_moving_runs_are_renewed_and_keep_their_ticks(page: Page) -> None:
    run = with_curves(RunStatus.RUNNING, total_steps=100)
    page.goto("/runs/")
    row = page.locator(f"#run-{run.pk}")
    row.locator("input").check()
    page.locator("h1").click()
    Run.objects.filter(pk=run.pk).update(step=77)
    expect(row).to_contain_text("77 / 100")
    expect(row.locator("input")).to_be_checked()


def test_a_log_is_followed_by_a_reader_at_its_end_only(page: Page) -> None:
    run = make_run(RunStatus.RUNNING)
    run.folder.mkdir(parents=True)
    log = run.folder / "log.txt"
    log.write_text("".join(f"line {n}\n" for n in range(500)))
    page.goto(f"/runs/{run.pk}/log/")
    lines = page.locator("[data-lines]")
    gap = "(log) => log.scrollHeight - log.scrollTop - log.clientHeight"
    with log.open("a") as file:
        file.write("line 500\n")
    expect(lines).to_contain_text("line 500")
    assert lines.evaluate(gap) < 2
    lines.evaluate("(log) => { log.scrollTop = 100; }")
    with log.open("a") as file:
        file.write("line 501\n<b>half a li")
    expect(lines).to_contain_text("line 501")
    assert lines.evaluate("(log) => log.scrollTop") == 100
    expect(page.locator("[data-unfinished]")).to_have_text("<b>half a li")
