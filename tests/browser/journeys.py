"""What every journey in the browser does: log in, start a run from a config."""

import re

from playwright.sync_api import Page, expect

from training.config import RunConfig

PASSWORD = "a sentence nobody guesses 7"
SLOW = 90_000
"""Milliseconds until a trainer on a busy machine has loaded and made its first steps."""


def log_in(page: Page, password: str) -> None:
    page.goto("/")
    page.get_by_label("Username").fill("admin")
    page.get_by_label("Password").fill(password)
    page.get_by_role("button", name="Log in").click()


def change_password(page: Page, old: str) -> None:
    """The first login leads there; then to the list of runs."""
    page.get_by_label("Old password").fill(old)
    page.get_by_label("New password", exact=True).fill(PASSWORD)
    page.get_by_label("New password confirmation").fill(PASSWORD)
    page.get_by_role("button", name="Change password").click()
    expect(page.get_by_role("heading", name="Runs", exact=True)).to_be_visible()


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
