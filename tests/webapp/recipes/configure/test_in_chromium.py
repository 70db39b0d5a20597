"""From a preset to a recipe that is queued, in a real browser; narrow, dark, accessible."""

import pytest
from playwright.sync_api import Page, expect

from tests.chromium import in_thread, look
from webapp.recipes.models import RecipeRun

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]


def stages(page: Page) -> list[str]:
    return page.locator(".editor .stage-name strong").all_inner_texts()


def test_from_a_preset_to_the_first_stage_queued(page: Page) -> None:
    page.goto("/recipes/")
    page.get_by_role("link", name="New recipe").click()
    look(page, "new")
    page.get_by_role("button", name="Built-in model for RLHF").click()
    expect(page.get_by_role("button", name="Start recipe")).to_be_visible()
    look(page, "edit")
    before = stages(page)
    # A stage in the form of a run: what an earlier one gives hides the knob below.
    page.get_by_role("link", name=f"Edit {before[-1]}").click()
    expect(page.locator("#start-run")).to_have_text("Save stage")
    expect(page.locator('.knob[data-name="model.kind"]')).to_be_hidden()
    expect(page.locator("#part-model .given")).to_contain_text("checkpoint")
    look(page, "stage")
    page.locator("#id_steps").fill("0")
    expect(page.locator("#start-run")).to_contain_text("Mend")
    page.locator("#id_steps").fill("7")
    expect(page.locator("#start-run")).to_have_text("Save stage")
    page.locator("#id_stage-name").fill("last-of-all")
    page.keyboard.press("Control+Enter")
    expect(page.get_by_text("The stage last-of-all is saved.")).to_be_visible()
    # By keyboard: a copy of the first goes before it, and away again.
    first = page.locator(".editor .stage-name strong").first
    page.get_by_role("button", name=f"Duplicate {before[0]}").press("Enter")
    page.get_by_role("button", name=f"{before[0]}-2 earlier").press("Enter")
    expect(first).to_have_text(f"{before[0]}-2")
    page.get_by_role("button", name=f"Remove {before[0]}-2").press("Enter")
    expect(first).to_have_text(before[0])
    page.get_by_role("button", name=f"{before[1]} earlier").press("Enter")
    expect(page.get_by_text("which does not come before it")).to_be_visible()
    look(page, "refused")
    page.goto(page.url)
    # As text, with a mistake and mended.
    page.get_by_role("link", name="As text").click()
    text = page.get_by_label("YAML or JSON").input_value()
    page.get_by_label("YAML or JSON").fill(text.replace("steps: 7", "steps: seven"))
    page.get_by_role("button", name="Save text").click()
    expect(page.get_by_role("alert")).to_contain_text("run.steps")
    look(page, "text")
    page.get_by_label("YAML or JSON").fill(text.replace("steps: 7", "steps: 8"))
    page.get_by_role("button", name="Save text").click()
    expect(page.locator("#stage-last-of-all")).to_contain_text("8 steps")
    page.get_by_role("button", name="Start recipe").click()
    expect(page.get_by_text("The first stage is queued")).to_be_visible()
    found: list[RecipeRun] = []
    in_thread(lambda: found.extend(RecipeRun.objects.all()))
    [made] = found
    assert [stage.name for stage in made.recipe.stages] == [*before[:-1], "last-of-all"]
    assert made.stands.is_moving
