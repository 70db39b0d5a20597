"""From a run that searches to one of its verified solutions, and to the search that runs again once it is invalid."""

import re

import pytest
from playwright.sync_api import Locator, Page, expect

from tests.browser.journeys import import_config, start_and_finish
from tests.chromium import accessible
from training.config import RunConfig

pytestmark = [pytest.mark.browser, pytest.mark.processes]

PROBLEMS = 4
CONFIG = RunConfig.model_validate(
    {
        "steps": 3,
        "method": {
            "kind": "deepsearch",
            "sampling": {"prompts_per_step": PROBLEMS, "samples_per_prompt": 4, "max_tokens": 48},
            "search": {"width": 3, "max_depth": 6},
            "cache": {"fill": "at_once", "per_problem": 1},
        },
        "problems": {"kind": "builtin", "level": "easy", "train_count": PROBLEMS, "heldout_count": 4},
        "evaluation": {"every_steps": 0},
        "hardware": {"threads": 1, "device": "cpu"},
    }
)
"""Every step asks the same problems, and what is found at one is served from the cache at the next."""


def trees_of_first_step(page: Page, run: int) -> list[str]:
    """Problems that the run searched at its first step."""
    twin = page.request.get(f"/runs/{run}/trees/?step=1&format=json").json()
    return sorted(tree["problem"] for tree in twin["trees"])


def kept_end(page: Page) -> Locator:
    """The panel of a right end that was kept as a solution: walk them until it comes."""
    panel = page.locator("[data-panel]")
    page.get_by_role("button", name="Last event").click()
    expect(panel.locator(".node-head")).not_to_contain_text("at event")
    for _ in range(30):
        page.get_by_role("button", name="✓ Next right").click()
        node = page.evaluate("document.querySelector('search-tree').selected")
        expect(panel.locator("h2")).to_have_text(f"Node {node}")
        if panel.get_by_text("Kept as a verified solution").count():
            return panel
    raise AssertionError(f"no right end of {page.url} was kept as a solution")


def from_chart_to_trees(page: Page, run: int) -> None:
    """From a point of a chart, in the drawer, back to the step that searched."""
    chart = page.locator("#chart-reward")
    expect(chart.locator("[data-summary]")).to_contain_text("at step")
    chart.locator(".nsewdrag").click()
    drawer = page.locator("#step-drawer")
    expect(drawer.get_by_text(re.compile(r"Rewards of \d+ responses"))).to_be_visible()
    heading = drawer.get_by_role("heading", name=re.compile(r"^Step \d+$"))
    while (shown := heading.inner_text()) != "Step 1":
        drawer.locator("[rel=prev]").click()
        expect(heading).not_to_have_text(shown)
    drawer.get_by_role("link", name="Trees of this step").click()
    expect(page).to_have_url(re.compile(rf"/runs/{run}/trees/\?step=1"))
    accessible(page)


def from_tree_to_rollout(page: Page) -> None:
    """Replay a solved tree to its first right end; then to a response that was kept as a solution."""
    page.locator("tbody tr", has_text="✓").locator("[data-opens]").first.click()
    expect(page.locator("search-tree")).not_to_have_attribute("aria-busy", "true")
    page.get_by_role("button", name="First solved").click()
    expect(page.locator("[data-told]")).to_have_text(re.compile(r"verify node \d+: right"))
    expect(page.locator("[data-panel]")).to_contain_text("✓ right")
    accessible(page)
    panel = kept_end(page)
    accessible(page)
    panel.get_by_role("link", name=re.compile("✓ response")).first.click()
    expect(page.locator(".step-credits")).to_be_visible()
    page.locator("token-strip .tokens i").first.click()
    expect(page.locator("[data-why-panel]")).to_contain_text(re.compile(r"node \d+ of the tree"))
    accessible(page)


def invalidate_solution(page: Page) -> str:
    """From its response; returns the problem that it solves."""
    page.get_by_role("link", name="Its solution").click()
    expect(page).to_have_url(re.compile(r"/solutions/\d+/"))
    used = page.get_by_role("region", name="Where used")
    expect(used.get_by_role("link", name="2", exact=True)).to_be_visible()
    accessible(page)
    page.get_by_role("button", name="Invalidate…").click()
    page.get_by_label("Why it is wrong").fill("Right by chance <b>only</b>.")
    page.locator("dialog[open]").get_by_role("button", name="Invalidate").click()
    expect(page.get_by_text("Right by chance <b>only</b>.")).to_be_visible()
    accessible(page)
    return page.get_by_label("Problem", exact=True).inner_text().strip()


def test_a_search_leads_to_its_solution_and_an_invalid_one_to_a_search(visitor: Page) -> None:
    page = visitor
    import_config(page, CONFIG)
    run = start_and_finish(page)
    accessible(page)
    from_chart_to_trees(page, run)
    searched = trees_of_first_step(page, run)
    assert len(searched) == PROBLEMS
    from_tree_to_rollout(page)
    problem = invalidate_solution(page)

    page.goto(f"/runs/{run}/")
    page.get_by_role("link", name="Clone").click()
    again = start_and_finish(page)
    searched_again = trees_of_first_step(page, again)
    assert [each for each in searched_again if each in problem or problem in each]
    assert len(searched_again) < len(searched), "what stayed valid was searched again"
    page.goto(f"/runs/{again}/steps/1/")
    expect(page.get_by_text("cached solutions").first).to_be_visible()
    accessible(page)
