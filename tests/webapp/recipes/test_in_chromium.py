"""Recipes in a real browser: the chain, curves end to end by keyboard, following, stop; narrow, dark, accessible."""

import re
from unittest.mock import patch

import pytest
from playwright.sync_api import Page, expect

from tests.chromium import NARROW, SCHEMES, WIDE, accessible, becomes, fits, in_thread, shoot
from tests.webapp.recipes.made import end, run_of, two_stages, with_figures
from webapp.recipes.models import RecipeRun
from webapp.recipes.services import create_recipe
from webapp.runs.status import RunStatus, transition

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]
PASS = "#chart-heldout-pass_at_1"


def drawn(page: Page, recipe: RecipeRun) -> None:
    page.goto(f"/recipes/{recipe.pk}/")
    expect(page.locator(f"{PASS} .main-svg").first).to_be_visible()


def test_pages_are_readable_in_every_light_and_width(page: Page) -> None:
    made, draft = with_figures(), create_recipe(two_stages())
    for name, address in (("list", "/recipes/"), ("draft", f"/recipes/{draft.pk}/")):
        page.set_viewport_size(WIDE)
        page.goto(address)
        shoot(page, name)
        page.set_viewport_size(NARROW)
        fits(page)
        accessible(page)
    page.set_viewport_size(WIDE)
    drawn(page, made)
    for scheme in SCHEMES:
        page.emulate_media(color_scheme=scheme)
        accessible(page)
        shoot(page, f"recipe-{scheme}")
    page.set_viewport_size(NARROW)
    fits(page)
    shoot(page, "recipe-narrow")


def test_the_keyboard_walks_from_one_stage_into_the_next(page: Page) -> None:
    drawn(page, with_figures())
    body, readout = page.locator(f"{PASS} [data-body]"), page.locator(f"{PASS} [data-readout]")
    becomes(page, f"document.querySelector('{PASS} [data-plot]').data.length", 2)
    body.focus()
    body.press("Home")
    expect(readout).to_have_text("step 0: 12.0 %")
    for _ in range(2):
        body.press("ArrowRight")
    expect(readout).to_have_text("step 40: 41.0 % · 40.0 %")  # the last of one stage and the first of the next
    for _ in range(2):
        body.press("ArrowRight")
    expect(readout).to_have_text("step 50: 47.5 %")
    body.press("ArrowLeft")
    body.press("ArrowLeft")
    body.press("ArrowLeft")
    expect(readout).to_have_text("step 20: 26.5 %")
    body.press("End")
    body.press("Enter")
    drawer = page.locator("#step-drawer")
    expect(drawer).to_contain_text("Rollouts of long-answers")
    expect(drawer).to_contain_text("Step 20")


def test_a_page_follows_from_stage_to_stage_and_a_dialog_stops_it(page: Page) -> None:
    made = create_recipe(two_stages())
    page.goto(f"/recipes/{made.pk}/")
    page.get_by_role("button", name="Launch").click()
    state = page.locator("[data-part=header]")
    expect(state).to_contain_text("stage 1 of 2, first")
    in_thread(lambda: end(run_of(made, "first")))
    expect(state).to_contain_text("stage 2 of 2, second")
    expect(page.locator("[data-part=stages]")).to_contain_text(re.compile(r"Model from first: run \d+, step 4"))
    page.get_by_role("button", name="Stop…").click()
    page.get_by_role("button", name="Stop and save").click()
    expect(page.locator(".notice, [role=status]").filter(has_text="The recipe is stopped")).to_be_visible()
    page.get_by_role("button", name="Resume…").click()
    expect(page.locator("#resume-recipe")).to_contain_text("The stage second is at step 0 of 4")
    page.get_by_role("button", name="Begin the stage anew").click()
    page.locator("#earlier-title-2").click()
    in_thread(lambda: transition(run_of(made, "second").pk, RunStatus.STARTING))
    expect(page.locator("[data-part=stages]")).to_contain_text("Starting")
    expect(page.locator("#earlier-2")).to_contain_text(re.compile(r"attempt 1: run \d+, stopped at step 0 / 4"))
    expect(page.locator("#earlier-2")).to_have_attribute("open", "")
    expect(page.locator("#earlier-title-2")).to_be_focused()


def test_seeds_are_compared_and_launched(page: Page) -> None:
    made = with_figures()
    with patch("workers.queue._send"):
        page.set_viewport_size(NARROW)
        page.goto(f"/recipes/{made.pk}/")
        page.get_by_role("link", name="Seeds").press("Enter")
        expect(page.get_by_role("row", name=re.compile("^short-answers 1 of 1 41.0 % "))).to_be_visible()
        page.get_by_role("button", name="More seeds…").press("Enter")
        page.keyboard.type("1-2")
        accessible(page)
        page.keyboard.press("Enter")
        expect(page.locator("main")).to_contain_text("2 recipes are launched")
        expect(page.get_by_role("row", name=re.compile("^short-answers 1 of 3"))).to_be_visible()
        fits(page)
        accessible(page)
        shoot(page, "seeds-narrow")
