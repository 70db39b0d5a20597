"""Lists of trees, growing trees and the hard subset in a real browser: keys, motion, narrow and dark screens, axe."""

import re
import time
from collections.abc import Iterator
from dataclasses import dataclass

import pytest
from django.test import Client
from playwright.sync_api import Browser, Page, expect
from pytest_django.live_server_helper import LiveServer

from tests.chromium import NARROW, WIDE, accessible, becomes, fits_narrow, in_thread, page_of
from tests.factories import make_run
from tests.made_trees import made_tree, store_made_tree, store_made_trees
from tests.webapp.search.test_hard_subset_page import look
from tests.webapp.search.test_live_trees import glimpse
from webapp.runs.models import Run
from webapp.runs.status import RunStatus
from webapp.search.models import SearchTree

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]


@dataclass(frozen=True)
class Story:
    """Ids of rows the tests look at, read before the browser starts."""

    run: int
    newest: int
    """Trees, newest first, are ``newest``, ``newest - 1``, …"""
    rollout: int
    leaf: int


@pytest.fixture
def story(transactional_db: None) -> Story:
    run = make_run("searching", status=RunStatus.RUNNING, step=2, method={
        "kind": "deepsearch", "hard_subset": {"enabled": True, "smallest": 1},
    })  # fmt: skip
    Run.objects.filter(pk=run.pk).update(phase="searching")
    store_made_trees(run, [made_tree(nodes=30, seed=n, step=1 + n // 30, index=n % 30) for n in range(60)])
    look(run, 0, {f"made-{n}": n % 5 for n in range(70)}, {f"made-{n}" for n in range(70) if n % 5 < 2})
    look(run, 1, {f"made-{n}": n % 4 for n in range(70)}, {f"made-{n}" for n in range(70) if n % 4 < 2}, {"made-3"})
    tree = SearchTree.objects.filter(run=run)[0]
    assert tree.group is not None
    rollout = tree.group.rollouts.get(index=0)
    return Story(run.pk, tree.pk, rollout.pk, tree.body.trajectories[0]["leaf"])


@pytest.fixture
def page(browser: Browser, story: Story, live_server: LiveServer, researcher_client: Client) -> Iterator[Page]:
    with page_of(researcher_client, browser, live_server.url) as page:
        yield page


def test_the_list_is_walked_ticked_pinned_and_opened_by_keyboard(page: Page, story: Story) -> None:
    page.goto(f"/runs/{story.run}/trees/")
    rows = page.locator("table.trees tbody tr:not(.more)")
    expect(rows).to_have_count(50)
    page.get_by_role("link", name="Load more").click()
    expect(rows).to_have_count(60)
    for key in "jjjk":
        page.keyboard.press(key)
    expect(rows.nth(1).locator("[data-opens]")).to_be_focused()
    page.keyboard.press("x")
    expect(page.locator("[data-ticked]")).to_have_text("1 ticked")
    page.keyboard.press("j")
    page.keyboard.press("p")
    expect(rows.nth(2).locator(".pin")).to_have_attribute("aria-pressed", "true")
    page.get_by_role("button", name="Pin", exact=True).click()
    expect(page.get_by_text("1 tree is pinned.")).to_be_visible()
    expect(page.locator(".pin[aria-pressed=true]")).to_have_count(2)
    page.keyboard.press("/")
    page.keyboard.type("made-7")
    page.keyboard.press("Enter")
    expect(page).to_have_url(re.compile(r"/trees/\?q=made-7$"))
    expect(rows).to_have_count(1)
    accessible(page)
    page.go_back()
    page.keyboard.press("j")
    page.keyboard.press("Enter")
    page.wait_for_url(f"**/trees/{story.newest}/**")


def test_a_step_of_a_chart_leads_to_its_trees_and_a_response_into_its_tree(page: Page, story: Story) -> None:
    page.goto(f"/runs/{story.run}/steps/2/")
    page.keyboard.press("t")
    expect(page).to_have_url(re.compile(r"/trees/\?step=2&split=train"))
    expect(page.locator("table.trees tbody tr:not(.more)")).to_have_count(30)
    expect(page.get_by_label("Step from")).to_have_value("2")
    page.goto(f"/rollouts/{story.rollout}/")
    page.keyboard.press("t")
    page.wait_for_url(re.compile(rf"/trees/{story.newest}/\?.*node={story.leaf}"))


def test_trees_grow_on_the_page_of_their_run(page: Page, story: Story) -> None:
    run = Run(pk=story.run)
    in_thread(lambda: glimpse(run, 30, 60, step=3, at=time.time()))
    page.goto(f"/runs/{story.run}/")
    strip = page.locator("#live-trees")
    expect(strip.locator("live-tree canvas")).to_have_count(2)
    expect(strip).to_contain_text("step 3: 3 live, 29 done")
    expect(strip).to_contain_text(re.compile(r"nodes · [\d,]+ tokens · 3/8 recorded"))
    expect(strip.locator("article").first).to_contain_text("✓ Solved")
    expect(strip.get_by_role("link", name=re.compile("Trees of step 2"))).to_be_visible()
    drawn = "canvas => canvas.getContext('2d').getImageData(0, 0, canvas.width, canvas.height).data.some(Boolean)"
    becomes(page, f"({drawn})(document.querySelector('#live-trees canvas'))", True)
    before = strip.locator("canvas").nth(1).get_attribute("aria-label") or ""
    accessible(page)
    in_thread(lambda: glimpse(run, 30, 160, 20, step=3, at=time.time() + 1))
    expect(strip.locator("live-tree")).to_have_count(3)
    expect(strip.locator("canvas").nth(1)).not_to_have_attribute("aria-label", before)
    in_thread(lambda: store_made_tree(run, made_tree(nodes=30, step=3)))
    expect(strip.locator("live-tree")).to_have_count(0)
    expect(strip.get_by_role("link", name="Trees of step 3: 1 of 1 solved")).to_be_visible()


def test_every_page_fits_a_narrow_dark_screen_and_the_table_a_usual_one(page: Page, story: Story) -> None:
    figures = {"tokens": 1_234_567, "nodes": 12_345, "depth": 123, "right_ends": 123, "ends": 456, "solved": False}
    notes = {"split": "heldout", "uniform": True, "exhausted": True, "stored": False}
    in_thread(lambda: SearchTree.objects.filter(pk__gt=story.newest - 9).update(**figures, **notes))
    page.goto("/trees/")
    for width in (1100, WIDE["width"]):
        page.set_viewport_size({"width": width, "height": 900})
        cut = page.locator(".table-wrap").evaluate("wrap => wrap.scrollWidth - wrap.clientWidth")
        assert cut <= 0, f"at {width} px the table is {cut} px too wide"
    in_thread(lambda: glimpse(Run(pk=story.run), 30, 60, step=3, at=time.time()))
    page.set_viewport_size(NARROW)
    page.emulate_media(color_scheme="dark", reduced_motion="reduce")
    for address in (
        f"/runs/{story.run}/trees/?depth_min=1&problem=made-1", "/trees/?sort=-tokens&q=made-1", f"/runs/{story.run}/",
        f"/runs/{story.run}/hard-subset/?q=made-1", f"/runs/{story.run}/hard-subset/?phase=0&show=left",
    ):  # fmt: skip
        fits_narrow(page, address)


def test_phases_are_turned_by_arrow_keys_and_bars_open_their_problems(page: Page, story: Story) -> None:
    page.goto(f"/runs/{story.run}/hard-subset/")
    page.keyboard.press("ArrowLeft")
    expect(page.get_by_role("heading", name="Problems of phase 0")).to_be_visible()
    page.keyboard.press("ArrowRight")
    expect(page.get_by_role("heading", name="Problems of phase 1")).to_be_visible()
    page.locator(".pass-rates a").nth(3).click()
    expect(page).to_have_url(re.compile("right=3"))
    expect(page.locator("table").last.locator("tbody tr")).to_have_count(17)
    accessible(page)
    page.get_by_role("link", name=re.compile("Cached")).click()
    expect(page.locator("table").last.locator("tbody tr")).to_have_count(1)
    page.get_by_role("link", name="1 tree", exact=True).click()
    expect(page.locator("table.trees tbody tr")).to_have_count(1)
