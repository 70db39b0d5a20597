"""A published recipe, made small, whose second stage loses its problems: it says so, is repaired, and goes on."""

import re
from pathlib import Path
from typing import Any

import pytest
import yaml
from playwright.sync_api import Page, expect

from tests.browser.conftest import Stack
from tests.browser.journeys import SLOW
from tests.chromium import accessible
from training.problems.types import Problem, write_problems

pytestmark = [pytest.mark.browser, pytest.mark.processes]


def own_problems(path: Path) -> Path:
    """A problem file as a user would have it."""
    sums = [(number, number + 3) for number in range(10, 22)]
    write_problems(
        path,
        [
            Problem(f"sum-{a}", f"What is {a}+{b}?", str(a + b), None, "train" if a < 18 else "heldout", "easy")
            for a, b in sums
        ],
    )
    return path


def made_small(text: str) -> str:
    """Two steps a stage, each in a second."""
    tree: dict[str, Any] = yaml.safe_load(text)
    for stage in tree["stages"]:
        run = stage["run"]
        run["steps"] = 2
        run["problems"] = {"kind": "builtin", "train_count": 16, "heldout_count": 4}
        run["evaluation"] = {"every_steps": 2, "problems": 4, "samples": 2}
        run["hardware"] = {"threads": 1, "device": "cpu"}
        run["method"]["updates_per_step"] = 1
        run["method"]["sampling"] = {"prompts_per_step": 8, "samples_per_prompt": 4, "max_tokens": 48}
    return str(yaml.safe_dump(tree))


def test_a_recipe_fails_in_a_stage_is_repaired_and_goes_on(visitor: Page, stack: Stack) -> None:
    page, problems = visitor, own_problems(stack.data / "own.jsonl")
    page.goto("/recipes/")
    page.get_by_role("link", name=re.compile("New recipe|Make the first")).first.click()
    page.get_by_role("button", name="Built-in model for R1-Zero").click()
    page.get_by_role("link", name="As text").click()
    text = page.get_by_label("YAML or JSON")
    text.fill(made_small(text.input_value()))
    page.get_by_role("button", name="Save text").click()
    expect(page.get_by_text("2 stages, 4 steps in all")).to_be_visible()

    page.get_by_role("link", name="Edit long").click()
    page.locator('[name="problems.kind"][value="file"]').check()
    page.locator("#id_problems\\.file\\.path").fill(str(problems))
    expect(page.locator("#preview [data-changed='problems.file.path']")).to_be_visible()
    expect(page.locator("#preview")).to_contain_text("Ready")
    page.locator("#start-run").click()
    page.get_by_role("button", name="Start recipe").click()
    expect(page.get_by_text("The first stage is queued")).to_be_visible()
    problems.unlink()

    expect(page.get_by_text("The stage long failed.")).to_be_visible(timeout=SLOW)
    expect(page.locator("pre.tail")).to_contain_text("own.jsonl")
    accessible(page)
    first_run = page.locator("#stage-run-1").inner_text()
    page.get_by_role("link", name="Edit the stage", exact=True).click()
    expect(page.locator("#start-run")).to_have_text("Choose a problem set first")  # the file is still away
    page.locator('[name="problems.kind"][value="builtin"]').check()
    expect(page.locator("#start-run")).to_have_text("Save and go on")
    accessible(page)
    page.locator("#start-run").click()

    expect(page.get_by_text("saved, and the recipe goes on")).to_be_visible()
    expect(page.locator(".run-state")).to_contain_text("Succeeded", timeout=SLOW)
    assert page.locator("#stage-run-1").inner_text() == first_run
    rows = page.locator(".stage-results tbody tr")
    expect(rows).to_have_count(2)
    accessible(page)
