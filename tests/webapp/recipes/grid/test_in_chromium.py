"""A grid of a recipe in a real browser: counted in the dialog, started, compared; narrow, dark, accessible."""

from unittest.mock import patch

import pytest
from playwright.sync_api import Page, expect

from tests.chromium import in_thread, look, shoot
from tests.webapp.recipes.grid.test_grid import finished
from tests.webapp.recipes.made import two_stages
from webapp.recipes.services import create_recipe

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]

RENEWED = """() => {
  document.getElementById("grid-table").dataset.old = "";
  return htmx.ajax("GET", location.href, { target: "#grid-table", select: "#grid-table", swap: "outerHTML" });
}"""
"""As the next poll would."""


def test_a_grid_is_counted_started_and_compared(page: Page) -> None:
    draft = create_recipe(two_stages())
    with patch("workers.queue._send"):
        in_thread(finished)
        page.goto(f"/recipes/{draft.pk}/grid/")
        page.get_by_role("button", name="Grid…").click()
        dialog = page.get_by_role("dialog", name="A grid of this recipe")
        expect(dialog.get_by_role("button", name="Start 3 recipes")).to_be_enabled()
        dialog.get_by_label("Stage of axis 1").select_option("second")
        dialog.get_by_label("Knob of axis 1").fill("optimisation.learning_rate")
        dialog.get_by_label("Values of axis 1").fill("1e-4, 3e-4")
        dialog.get_by_label("Seeds").fill("0, 1")
        expect(dialog.get_by_text("2 settings × 2 seeds = 4 recipes")).to_be_visible()
        look(page, "grid-dialog")
        dialog.get_by_role("button", name="Start 4 recipes").click()
        expect(page.get_by_text("4 recipes are launched")).to_be_visible()
    expect(page.get_by_role("columnheader", name="second: Learning rate")).to_be_visible()
    shoot(page, "grid-started")
    second = page.locator("#grid-table tbody a").nth(1)
    second.focus()
    page.evaluate(RENEWED)
    expect(page.locator("#grid-table[data-old]")).to_have_count(0)
    expect(second).to_be_focused()
    page.goto(f"/recipes/{draft.pk + 1}/grid/")
    expect(page.locator(".badge", has_text="Best")).to_be_visible()
    look(page, "grid")
