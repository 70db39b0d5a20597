"""Replays in a real browser: every event, what is told of it, its buttons and keys, two trees side by side."""

import re

import pytest
from playwright.sync_api import Page, expect

from tests.chromium import accessible, becomes
from tests.webapp.search.tree.viewer import VIEWER, Story, opened

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]


def test_every_event_can_be_replayed_and_the_last_is_what_is_stored(page: Page, story: Story) -> None:
    opened(page, f"/trees/{story.tree}/")
    read = f"(() => {{ const r = {VIEWER}.replay; return [...r.q].map((q, i) => [q, r.visits[i]]); }})()"
    assert page.evaluate(read) == [[pytest.approx(q, abs=1e-4), visits] for q, visits in story.stored]
    forwards = page.evaluate(
        f"(() => {{ const r = {VIEWER}.replay; r.go(0); const seen = [];"
        "for (let k = 0; k <= r.last; k++) { r.go(k); seen.push([...r.q].join()); } return seen; })()"
    )
    backwards = page.evaluate(
        f"(() => {{ const r = {VIEWER}.replay; const seen = [];"
        "for (let k = r.last; k >= 0; k--) { r.go(k); seen.unshift([...r.q].join()); } r.go(r.last); return seen; })()"
    )
    assert forwards == backwards
    assert page.evaluate(read) == [[pytest.approx(q, abs=1e-4), visits] for q, visits in story.stored]


def test_what_is_told_of_a_real_search_agrees_with_what_it_recorded(real_trees: list[int], page: Page) -> None:
    for tree in real_trees:
        opened(page, f"/trees/{tree}/")
        told = page.evaluate(
            f"(() => {{ const v = {VIEWER}, said = [], told = document.querySelector('[data-told]');"
            "for (let k = 0; k <= v.replay.last; k++) { v.go(k); said.push(told.textContent); } return said; })()"
        )
        assert any(re.match(r"(jump|select)", each) for each in told) or len(told) < 12
        assert [each for each in told if "recorded was" in each] == []


def test_the_replay_is_played_stepped_and_sent_to_the_first_solved_end(page: Page, story: Story) -> None:
    opened(page, f"/trees/{story.tree}/")
    page.keyboard.press("s")
    told = page.locator("[data-told]")
    expect(told).to_have_text(re.compile(r"verify node \d+: right \(\+1\)"))
    expect(page.locator("[data-event]")).to_contain_text(f"{story.first_solved} /")
    expect(page).to_have_url(re.compile(f"event={story.first_solved}"))
    expect(page.locator("[data-panel]")).to_contain_text(f"at event {story.first_solved}")
    page.keyboard.press(".")
    expect(told).to_have_text(re.compile(r"(verify|backup|jump|expand)"))
    page.keyboard.press(",")
    page.keyboard.press(",")
    expect(page.locator("[data-event]")).to_contain_text(f"{story.first_solved - 1} /")
    page.locator("[data-speed]").select_option("256")
    page.keyboard.press("k")
    expect(page.get_by_role("button", name="▶ Play")).to_be_visible()
    last = page.evaluate(f"{VIEWER}.replay.last")
    expect(page.locator("[data-event]")).to_have_text(f"{last} / {last}")
    page.keyboard.press("b")
    expect(told).to_have_text(re.compile(r"backup .1 along \d+ nodes"))
    page.locator("[data-scrub]").fill("0")
    expect(told).to_have_text(re.compile(r"jump to node 0: 0.4·tanh\(0\)"))
    accessible(page)


def test_two_trees_are_replayed_together(page: Page, story: Story) -> None:
    page.goto(f"/trees/compare/?a={story.tree}&b={story.other}")
    shared = page.locator("[data-shared]").first
    expect(shared).to_have_text(re.compile(r"\d+ nodes? shared \(ringed\), \d+ only here"))
    assert "Shared; 1 child only there." in page.evaluate(f"{VIEWER}.tell(0)")
    assert page.evaluate(f"{VIEWER}.tell({story.nodes - 1})").endswith("Only here.")
    scrubs = page.locator("[data-scrub]")
    scrubs.first.fill("0")
    expect(scrubs.nth(1)).to_have_value("0")
    half = page.evaluate(f"Math.round({VIEWER}.replay.last / 2)")
    scrubs.first.fill(str(half))
    last = page.evaluate("document.querySelectorAll('search-tree')[1].replay.last")
    becomes(page, f"Math.abs(document.querySelectorAll('[data-scrub]')[1].value - {last} / 2) <= 1", True)
    page.locator("[data-sync]").select_option("tokens")
    scrubs.first.fill(str(half + 4))
    tokens = "[...document.querySelectorAll('search-tree')].map((v) => v.replay.columns.tokens[v.replay.at])"
    becomes(page, f"((spent) => spent[1] <= spent[0])({tokens})", True)
    accessible(page)


def test_other_trees_are_offered_for_comparison(page: Page, story: Story) -> None:
    opened(page, f"/trees/{story.tree}/")
    page.get_by_text("Compare with ▾").click()
    page.get_by_role("link", name=re.compile("step 2")).click()
    page.wait_for_url(re.compile(rf"/trees/compare/\?a={story.tree}&b={story.other}"))
