"""Verified solutions in a real browser: from the list to one, struck out and reinstated, by keyboard and narrow."""

import re
from collections.abc import Iterator
from dataclasses import dataclass

import pytest
from django.test import Client
from playwright.sync_api import Browser, Page, expect
from pytest_django.live_server_helper import LiveServer

from tests.chromium import NARROW, accessible, becomes, fits_narrow, in_thread, page_of
from tests.made_solutions import EPOCH, make_solution, many_solutions, searching_run, use
from tests.made_trees import made_tree, store_made_tree
from webapp.runs.models import MetricPoint, MetricSeries
from webapp.search.models import VerifiedSolution
from webapp.search.solutions_listing import PAGE_SIZE
from workers import queue
from workers.solutions import verify_again

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]


@dataclass(frozen=True)
class Story:
    """Ids of rows the tests look at, read before the browser starts."""

    run: int
    problem: str
    first: int
    second: int
    wrong: int


@pytest.fixture
def story(transactional_db: None) -> Story:
    """A problem with three solutions, used by two runs, before many others."""
    run, other = searching_run("Finder"), searching_run("A run with quite a long name that takes solutions in")
    tree = store_made_tree(run, made_tree())
    worked = "<think>First 7*3 = 21.\nThen 12+21 = 33.\u202e</think>\n<answer>33</answer>"
    first = make_solution(run, 0, text=worked, tree=tree, node=5)
    second = make_solution(run, 1, text=worked.replace("First", "wait, let me check: first") * 2)
    wrong = make_solution(run, 2, text="33 by chance " * 300, invalid_at=EPOCH, invalid_reason="It never multiplies.")
    for step in range(1, 9):
        use(other, step, first, second, tokens_saved=step * 90)
    use(run, 7, second)
    many_solutions(run, PAGE_SIZE + 5, 2)
    VerifiedSolution.objects.filter(pk=first.pk).update(found_at="2027-01-01T00:00:00Z")
    series = MetricSeries.objects.create(run=run, name="cache/reuse_share")
    MetricPoint.objects.create(series=series, step=9, value=0.375)
    return Story(run.pk, first.problem, first.pk, second.pk, wrong.pk)


@pytest.fixture
def page(browser: Browser, story: Story, live_server: LiveServer, researcher_client: Client) -> Iterator[Page]:
    with page_of(researcher_client, browser, live_server.url) as page:
        yield page


def test_a_solution_is_found_struck_out_and_reinstated(page: Page, story: Story) -> None:
    page.goto("/runs/")
    main = page.get_by_role("navigation", name="Main")
    main.get_by_role("button", name="Searches").click()
    main.get_by_role("link", name="Solutions").click()
    rows = page.locator("table.solutions tbody tr:not(.more)")
    expect(rows).to_have_count(PAGE_SIZE)
    accessible(page)
    page.get_by_role("link", name="Load more").click()
    expect(rows).to_have_count(PAGE_SIZE + 6)
    page.keyboard.press("j")
    page.keyboard.press("j")
    page.keyboard.press("k")
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", name="3 distinct solutions of one problem")).to_be_visible()
    expect(page.locator("article.invalid")).to_contain_text("It never multiplies.")
    accessible(page)
    page.keyboard.press("j")
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", name=f"Solution {story.first}")).to_be_visible()
    accessible(page)
    page.get_by_role("button", name="Invalidate…").click()
    dialog = page.get_by_role("dialog", name=f"Invalidate solution {story.first}?")
    expect(dialog).to_contain_text("the next search of it runs in full again")
    dialog.get_by_label("Why it is wrong").fill("Line 2 only looks right.")
    accessible(page)
    dialog.get_by_role("button", name="Invalidate").click()
    expect(page.locator(".notice.bad")).to_contain_text("by alice: Line 2 only looks right.")
    struck = "getComputedStyle(document.querySelector('.whole-text')).textDecorationLine"
    becomes(page, struck, "line-through")
    accessible(page)
    page.get_by_role("button", name="Reinstate…").click()
    page.get_by_role("dialog").get_by_role("button", name="Reinstate").click()
    expect(page.get_by_role("button", name="Invalidate…")).to_be_visible()
    becomes(page, struck, "none")


def test_two_solutions_are_ticked_and_compared(page: Page, story: Story) -> None:
    page.goto(f"/solutions/problem/{story.problem}/")
    for _ in range(2):
        page.keyboard.press("j")
        page.keyboard.press("x")
    page.get_by_role("button", name="Compare the two ticked").click()
    expect(page).to_have_url(re.compile(rf"a={story.first}&b={story.second}$"))
    expect(page.locator("ins").first).to_contain_text("wait")
    accessible(page)
    page.keyboard.press("g")
    expect(page).to_have_url(re.compile(f"/solutions/problem/{story.problem}/"))


def test_judging_again_shows_its_progress_until_it_is_done(
    page: Page, story: Story, monkeypatch: pytest.MonkeyPatch
) -> None:
    sent: list[int] = []
    monkeypatch.setattr(queue, "_send", lambda task, queue, check: sent.append(check))
    page.goto(f"/solutions/{story.first}/")
    page.get_by_role("button", name="Judge again").click()
    expect(page.locator(".check")).to_contain_text("Waiting for a worker")
    accessible(page)
    in_thread(lambda: verify_again(sent[0]))
    expect(page.locator(".check")).to_contain_text("all still right")


def test_a_problem_set_is_made_for_fine_tuning(page: Page, story: Story) -> None:
    page.goto("/solutions/?q=multiplies+or+First")
    page.get_by_role("button", name="Make a problem set…").click()
    page.get_by_label("Name").fill("Found by searching")
    page.get_by_label("Hold out").fill("0")
    accessible(page)
    page.get_by_role("button", name="Make the set").click()
    expect(page.get_by_role("heading", name="Found by searching")).to_be_visible()
    page.get_by_role("link", name="Configure a run on this set").click()
    expect(page).to_have_url(re.compile(r"/runs/new/\?problems=found-by-searching"))


def test_every_page_fits_a_narrow_dark_screen(page: Page, story: Story) -> None:
    page.set_viewport_size(NARROW)
    page.emulate_media(color_scheme="dark")
    addresses = (
        "/solutions/?q=wait", "/solutions/?run=999", f"/solutions/problem/{story.problem}/",
        f"/solutions/{story.first}/", f"/solutions/{story.wrong}/",
        f"/solutions/compare/?a={story.first}&b={story.second}", f"/runs/{story.run}/",
    )  # fmt: skip
    for address in addresses:
        fits_narrow(page, address)
