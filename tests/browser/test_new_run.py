"""The new-run page in a browser: what is typed is answered at once, kept over a reload, and started once."""

import re

import pytest
from playwright.sync_api import Locator, Page, expect

from tests.chromium import accessible

pytestmark = [pytest.mark.browser, pytest.mark.processes]


@pytest.fixture
def form(visitor: Page) -> Page:
    """The page with the smoke preset, logged in and without an earlier draft."""
    visitor.goto("/runs/new/?preset=smoke")
    visitor.evaluate("localStorage.clear()")
    visitor.goto("/runs/new/?preset=smoke")
    return visitor


def knob(page: Page, name: str) -> Locator:
    return page.locator(f'[name="{name}"]')


def test_an_impossible_batch_is_put_right_with_one_click(form: Page) -> None:
    start = form.locator("#start-run")
    expect(start).to_have_text("Start run")
    form.get_by_role("link", name="Advanced").click()
    knob(form, "method.grpo.updates_per_step").fill("3")
    expect(start).to_have_text("Mend “Updates per step” first")
    form.get_by_role("button", name="Set prompts per step to 9").click()
    expect(start).to_have_text("Start run")
    expect(knob(form, "method.grpo.sampling.prompts_per_step")).to_have_value("9")
    changes = form.locator(".changes li")
    expect(changes).to_have_count(2)
    form.locator(".changes").get_by_role("button", name="Reset Prompts per step to 8").click()
    expect(start).to_have_text("Mend “Updates per step” first")
    accessible(form)


def test_the_button_leads_to_what_is_missing(form: Page) -> None:
    knob(form, "model.kind").and_(form.locator("[value=hub]")).check()
    start = form.locator("#start-run")
    expect(start).to_have_text("Choose a model first")
    form.keyboard.press("Control+Enter")
    expect(knob(form, "model.hub.name")).to_be_focused()
    expect(knob(form, "model.hub.name")).to_have_attribute("aria-invalid", "true")
    knob(form, "model.hub.name").fill("two words")
    expect(form.locator("[id='id_model.hub.name_error']")).to_contain_text("expected form")
    knob(form, "model.kind").and_(form.locator("[value=builtin]")).check()
    expect(start).to_have_text("Start run")
    expect(knob(form, "model.hub.name")).to_be_hidden()


def test_a_search_finds_advanced_knobs(form: Page) -> None:
    expect(knob(form, "method.grpo.loss.kl_coefficient")).to_be_hidden()
    form.keyboard.press("/")
    form.keyboard.type("kl penalty")
    expect(knob(form, "method.grpo.loss.kl_coefficient")).to_be_visible()
    expect(knob(form, "steps")).to_be_hidden()
    form.keyboard.press("Escape")
    expect(knob(form, "steps")).to_be_visible()


def test_a_reload_loses_nothing_and_the_view_stays(form: Page) -> None:
    form.get_by_role("link", name="Advanced").click()
    knob(form, "method.grpo.loss.clip_high").fill("0.31")
    knob(form, "method.kind").and_(form.locator("[value=sft]")).check()
    form.reload()
    expect(knob(form, "method.kind").and_(form.locator("[value=sft]"))).to_be_checked()
    expect(knob(form, "method.grpo.loss.clip_high")).to_have_value("0.31")
    expect(knob(form, "optimisation.weight_decay")).to_be_visible()
    expect(form.locator(".changes li")).to_have_count(1)
    form.get_by_role("button", name="Discard them").click()
    expect(knob(form, "method.grpo.loss.clip_high")).to_have_value("0.2")
    expect(form.locator(".changes li")).to_have_count(0)


def test_a_double_click_and_a_way_back_start_one_run(form: Page) -> None:
    knob(form, "run-name").fill("only once")
    form.locator("#start-run").dblclick()
    expect(form).to_have_url(re.compile(r"/runs/\d+/$"))
    address = form.url
    form.go_back()
    expect(form.locator("#start-run")).to_be_enabled()
    form.locator("#start-run").click()
    expect(form).to_have_url(address)
    form.goto("/runs/?q=only+once")
    expect(form.get_by_role("link", name="only once", exact=True)).to_have_count(1)


def test_a_preflight_shows_lengths_and_rewards(form: Page) -> None:
    form.get_by_role("button", name="Sample 16 prompts").click()
    figure = form.locator("#preflight figure.histogram")
    expect(figure).to_contain_text("64 lengths", timeout=90_000)
    expect(form.locator("#preflight")).to_contain_text("Groups of equal rewards")
    accessible(form)


def test_a_search_is_planned_changed_and_mended(form: Page) -> None:
    form.goto("/runs/new/")
    form.get_by_role("link", name=re.compile("^DeepSearch A search")).click()
    start, preview = form.locator("#start-run"), form.locator("#preview")
    expect(preview).to_contain_text("16 trees × 8 trajectories = 128 responses a step")
    expect(preview).to_contain_text("Hard subset: measured 3 times")
    for title in ("Search", "Credit", "Adaptive training"):
        expect(form.get_by_role("heading", name=title, exact=True)).to_be_visible()
    knob(form, "method.deepsearch.credit.kind").select_option("outcome")
    expect(form.locator(".changes li")).to_contain_text("Token credit")
    knob(form, "method.deepsearch.search.max_depth").fill("7")
    expect(start).to_have_text("Mend “Maximum depth” first")
    form.get_by_role("button", name="Set maximum depth to 8", exact=True).click()
    expect(start).to_have_text("Start run")
    form.reload()
    expect(knob(form, "method.deepsearch.credit.kind")).to_have_value("outcome")
    accessible(form)
    form.evaluate("localStorage.clear()")
