"""The arithmetic that a page's script does on curves, in a real browser, against slow references."""

import json
import random
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings
from playwright.sync_api import Browser, Page, Route

pytestmark = pytest.mark.browser
SCRIPTS = settings.BASE_DIR / "webapp" / "static" / "js"
ORIGIN = "http://scripts.test"


@pytest.fixture(scope="session")
def page(browser: Browser) -> Iterator[Page]:
    """An empty page that can import our modules; nothing leaves this machine."""

    def serve(route: Route) -> None:
        name = route.request.url.removeprefix(f"{ORIGIN}/")
        if name:
            route.fulfill(body=Path(SCRIPTS / name).read_text(), content_type="text/javascript")
        else:
            route.fulfill(body="<!doctype html><title>empty</title>", content_type="text/html")

    page = browser.new_page()
    page.route("**/*", serve)
    page.goto(f"{ORIGIN}/")
    yield page
    page.close()


def call(page: Page, function: str, *arguments: Any) -> Any:
    """The value of a function of curves.js."""
    return page.evaluate(
        f"([name, args]) => import('{ORIGIN}/curves.js').then((module) => module[name](...JSON.parse(args)))",
        [function, json.dumps(arguments)],
    )


def test_smoothing_is_a_weighted_mean_without_bias_to_zero(page: Page) -> None:
    draw = random.Random(1)
    values = [draw.gauss(5, 1) if draw.random() < 0.9 else None for _ in range(60)]
    beta = 0.83

    def slow(upto: int) -> float | None:
        known = [value for value in values[: upto + 1] if value is not None]
        weights = [beta ** (len(known) - 1 - index) for index in range(len(known))]
        return None if values[upto] is None else sum(w * v for w, v in zip(weights, known, strict=True)) / sum(weights)

    smoothed = call(page, "smooth", values, beta)
    expected = [slow(index) for index in range(60)]
    assert [value is None for value in smoothed] == [value is None for value in expected]
    assert [v for v in smoothed if v is not None] == pytest.approx([v for v in expected if v is not None])
    assert call(page, "smooth", values, 0) == values


def test_the_nearest_point_is_the_one_a_search_through_all_finds(page: Page) -> None:
    draw = random.Random(2)
    steps = sorted(draw.sample(range(1000), 40))
    for _ in range(60):
        at = draw.uniform(-50, 1050)
        found = steps[call(page, "nearest", steps, at)]
        assert abs(found - at) == min(abs(step - at) for step in steps)
    assert call(page, "nearest", [], 3) == -1


def test_places_between_points_lie_on_the_line_and_beyond_the_ends_at_them(page: Page) -> None:
    xs, ys = [0, 10, 30], [0.0, 100.0, 140.0]
    asked = {-5: 0.0, 0: 0.0, 5: 50.0, 10: 100.0, 20: 120.0, 30: 140.0, 99: 140.0}
    assert {x: call(page, "interpolate", xs, ys, x) for x in asked} == asked


@pytest.mark.parametrize("level", [0, 4])
def test_newer_points_replace_the_bin_they_reach_into(page: Page, level: int) -> None:
    whole = {"steps": [], "values": []}
    for start in range(0, 100, 2**level):
        whole["steps"].append(min(start + 2**level, 100) - 1)
        whole["values"].append(float(start))
    for seen in (1, 37, 64, 99):
        bins = (seen >> level) + 1
        had = {"steps": [*whole["steps"][: bins - 1], seen], "values": [*whole["values"][: bins - 1], -1.0]}
        newer = {column: whole[column][bins - 1 :] for column in whole}
        assert call(page, "merge", had, newer, level) == whole
    assert call(page, "merge", whole, {"steps": [], "values": []}, level) == whole


def test_of_two_cursors_the_one_that_has_seen_less_counts(page: Page) -> None:
    cases = {
        ("1.20", "1.9"): "1.9",
        ("2.1", "1.900"): "1.900",
        ("", "3.4"): "3.4",
        ("0.7", ""): "0.7",
        ("1.5", "1.5"): "1.5",
    }
    assert {pair: call(page, "earlier", *pair) for pair in cases} == cases


TWO_AXES = """async (origin) => {
  const { CurveStore } = await import(`${origin}/curves.js`);
  const answers = [];
  window.fetch = () => new Promise((resolve) => answers.push((last) => resolve(
    new Response(JSON.stringify({ axis: { 1: { steps: [0, 10], values: [0, last] } } })))));
  const store = new CurveStore("/curves", ["1"]);
  const [tokens, time] = [store.setAxis("tokens"), store.setAxis("time")];
  answers[1](100);
  await time;
  answers[0](5000);
  await tokens;
  return store.at("1", 5);
}"""


def test_of_two_axes_that_were_chosen_the_last_counts_whichever_is_answered_last(page: Page) -> None:
    assert page.evaluate(TWO_AXES, ORIGIN) == 50
