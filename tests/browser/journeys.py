"""What every journey in the browser does: log in, start a run from a config, look for what axe finds."""

import re

from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page, expect

from training.config import RunConfig

PASSWORD = "a sentence nobody guesses 7"
SLOW = 90_000
"""Milliseconds until a trainer on a busy machine has loaded and made its first steps."""


def accessible(page: Page) -> None:
    """Fail on any serious or critical finding of axe."""
    found = Axe().run(page).response["violations"]
    grave = [each for each in found if each["impact"] in {"serious", "critical"}]
    told = [f"{each['id']}: {each['help']}: {[node['target'] for node in each['nodes']][:4]}" for each in grave]
    assert not told, f"{page.url}\n" + "\n".join(told)


def log_in(page: Page, password: str) -> None:
    page.goto("/")
    page.get_by_label("Username").fill("admin")
    page.get_by_label("Password").fill(password)
    page.get_by_role("button", name="Log in").click()


def import_config(page: Page, config: RunConfig) -> None:
    page.goto("/runs/new/")
    page.get_by_role("button", name="Import…").click()
    page.locator("#import-text").fill(config.model_dump_json())
    page.get_by_role("button", name="Fill the form").click()


def start_and_finish(page: Page) -> int:
    """Start the run that the form shows; returns its number when it has succeeded."""
    page.locator("#start-run").click()
    expect(page).to_have_url(re.compile(r"/runs/\d+/$"))
    expect(page.locator("[data-part=header]")).to_contain_text("Succeeded", timeout=SLOW)
    return int(re.findall(r"\d+", page.url)[-1])
