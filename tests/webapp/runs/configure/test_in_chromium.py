"""The form of a search in a real browser: a preset, what hides and shows, and what the preview answers."""

import re

import pytest
from playwright.sync_api import Locator, Page, expect

from tests.chromium import NARROW, accessible, fits_narrow

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]

SEARCH = "method.deepsearch.search"


def knob(page: Page, name: str) -> Locator:
    return page.locator(f'[name="{name}"]')


def test_the_preset_of_deepsearch_says_what_its_trees_cost(page: Page) -> None:
    page.goto("/runs/new/")
    ablation = page.get_by_role("link", name="DeepSearch, random negative")
    expect(ablation).to_be_hidden()
    page.get_by_role("link", name=re.compile("^DeepSearch A search")).click()
    expect(page.get_by_text("Preset: DeepSearch")).to_be_visible()
    expect(page.locator("#start-run")).to_have_text("Start run")
    expect(page.locator("#preview")).to_contain_text("16 trees × 8 trajectories = 128 responses a step")
    expect(page.locator("#preview")).to_contain_text("At most 64 expansions × 8 children × 16 tokens = 8,192")
    expect(page.locator("#preview")).to_contain_text("Hard subset: measured 3 times")
    for title in ("Search", "Credit", "Adaptive training"):
        expect(page.get_by_role("heading", name=title, exact=True)).to_be_visible()
    expect(knob(page, f"{SEARCH}.gamma_min")).to_be_hidden()
    accessible(page)


def test_an_ablation_is_found_and_says_what_it_is(page: Page) -> None:
    page.goto("/runs/new/")
    page.get_by_text("Ablations of DeepSearch").click()
    page.get_by_role("link", name="DeepSearch, random negative").click()
    expect(page.locator("#preview")).to_contain_text("As in the preset DeepSearch, random negative")
    expect(page.locator(".chosen-preset")).to_contain_text("62.09 instead of 62.95")
    page.get_by_text("Why these values").click()
    expect(page.get_by_role("row", name="method.search.negative")).to_contain_text("Ablated: any wrong end.")
    accessible(page)


def test_another_credit_is_one_change_and_shows_its_own_knobs(page: Page) -> None:
    page.goto("/runs/new/?preset=deepsearch&view=advanced")
    expect(knob(page, "method.deepsearch.credit.q_temperature")).to_be_visible()
    expect(knob(page, "method.deepsearch.credit.root_share")).to_be_hidden()
    knob(page, "method.deepsearch.credit.kind").select_option("subtree_value")
    expect(page.locator(".changes li")).to_have_count(1)
    expect(page.locator(".changes li")).to_contain_text("Token credit")
    expect(knob(page, "method.deepsearch.credit.q_temperature")).to_be_hidden()
    expect(knob(page, "method.deepsearch.credit.root_share")).to_be_visible()
    accessible(page)


def test_a_wrong_knob_stays_in_sight_though_it_changes_nothing(page: Page) -> None:
    page.goto("/runs/new/?preset=deepsearch&view=advanced")
    knob(page, f"{SEARCH}.expansion").select_option("lazy")
    expect(page.locator("#preview")).to_contain_text("whole continuations")
    expect(knob(page, f"{SEARCH}.selection")).to_be_hidden()
    knob(page, f"{SEARCH}.lazy_start").fill("0")
    expect(page.locator("#start-run")).to_have_text("Mend “Continuations at first” first")
    knob(page, f"{SEARCH}.expansion").select_option("full")
    expect(page.locator("#preview")).to_contain_text("Continuations at first")
    expect(knob(page, f"{SEARCH}.lazy_start")).to_be_visible()
    knob(page, f"{SEARCH}.lazy_start").fill("4")
    expect(page.locator("#start-run")).to_have_text("Start run")
    expect(knob(page, f"{SEARCH}.lazy_start")).to_be_hidden()


def test_rules_close_the_start_and_a_click_opens_it(page: Page) -> None:
    page.goto("/runs/new/?preset=deepsearch&view=advanced")
    start = page.locator("#start-run")
    knob(page, "method.deepsearch.hard_subset.enabled").uncheck()
    expect(knob(page, "method.deepsearch.hard_subset.threshold")).to_be_hidden()
    expect(page.locator(".changes li")).to_have_count(1)
    knob(page, "method.deepsearch.cache.fill").select_option("phase")
    expect(start).to_have_text("Mend “Hard subset” first")
    page.get_by_role("button", name="Set hard subset to on", exact=True).click()
    expect(start).to_have_text("Start run")
    expect(knob(page, "method.deepsearch.hard_subset.enabled")).to_be_checked()
    knob(page, f"{SEARCH}.max_depth").fill("7")
    expect(start).to_have_text("Mend “Maximum depth” first")
    page.get_by_role("button", name="Set maximum depth to 8", exact=True).click()
    expect(start).to_have_text("Start run")


def test_a_separator_is_typed_as_in_source_code(page: Page) -> None:
    page.goto("/runs/new/?preset=deepsearch&view=advanced")
    expect(knob(page, f"{SEARCH}.separator")).to_be_hidden()
    knob(page, f"{SEARCH}.step").select_option("separator")
    expect(knob(page, f"{SEARCH}.separator")).to_have_value(r"\n")
    knob(page, f"{SEARCH}.separator").fill(";;")
    expect(page.locator("#start-run")).to_have_text("Mend “Separator” first")
    page.get_by_role("button", name=r"Set separator to \n", exact=True).click()
    expect(knob(page, f"{SEARCH}.separator")).to_have_value(r"\n")
    expect(page.locator("#start-run")).to_have_text("Start run")
    expect(page.locator(".changes li")).to_have_count(1)


@pytest.mark.parametrize("address", ["/runs/new/?preset=deepsearch&view=advanced", "/runs/new/?preset=deepsearch-uct"])
def test_on_a_narrow_screen_nothing_goes_beyond_the_edge(page: Page, address: str) -> None:
    page.set_viewport_size(NARROW)
    fits_narrow(page, address)
