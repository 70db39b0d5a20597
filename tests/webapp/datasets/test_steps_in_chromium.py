"""The splitter in a real browser: live preview, keyboard, addresses, a run from it; narrow and dark."""

import os
import re
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Literal

import pytest
from django.test import Client
from playwright.sync_api import Browser, Page, expect
from pytest_django.live_server_helper import LiveServer

from tests.chromium import NARROW, accessible, fits_narrow, page_of
from tests.training.reading import shapes
from tests.webapp.datasets.conftest import problem
from training.reading import Accepted
from training.reading.transcripts import transcript_of
from webapp.accounts.models import User
from webapp.datasets.services import store_problem_set

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]
SHOTS = os.environ.get("STEP_SHOTS")
"""A folder for screenshots, to look at."""
SCHEMES: tuple[Literal["light", "dark"], ...] = ("light", "dark")
STEPS = ".trajectory .step"


def experts() -> list[Accepted]:
    """Numbered steps, a solution of lines, a badly numbered one."""
    numbered = [problem(number, solution=shapes.stepped(number)["deepseek_attempt"]) for number in range(1, 5)]
    lines = problem(5, solution="She has 5+2=7 plums; she eats one.\nThen she has 7-1=6.\n#### 6")
    bad = problem(6, solution="1. **Add** 5\n3. **Subtract** 25\n<img src=x onerror=alert(1)>")
    return [*numbered, lines, bad]


@pytest.fixture
def page(browser: Browser, live_server: LiveServer, researcher_client: Client, researcher: User) -> Iterator[Page]:
    agents = []
    for number in range(1, 4):
        asked, turns = transcript_of(shapes.transcript(number))
        agents.append(replace(problem(number, prompt=asked, answer=""), turns=turns))
    for name, problems in (("Experts", experts()), ("Agents", agents)):
        store_problem_set(problems, name=name, description="", source="s", mapping={}, report={}, user=researcher)
    with page_of(researcher_client, browser, live_server.url, "htmx:") as page:  # requests that newer ones replace
        yield page


def shoot(page: Page, name: str) -> None:
    if SHOTS:
        page.screenshot(path=Path(SHOTS) / f"{name}.png", full_page=True)


def test_settings_are_seen_at_once_and_stand_in_the_address(page: Page) -> None:
    page.goto("/datasets/experts/")
    page.get_by_role("link", name="Solutions as steps").click()
    expect(page.get_by_label("A step is")).to_have_value("numbered")
    expect(page.locator(STEPS)).to_have_count(2)
    expect(page.locator("#totals")).to_contain_text("Step # is numbered #")
    expect(page.locator("#totals")).to_contain_text("6, of which 2 give no instance")
    shoot(page, "numbered")

    page.get_by_label("The last step is a target, too").check()
    expect(page.locator(".instances li")).to_have_count(2)
    expect(page).to_have_url(re.compile(r"rule=numbered.*last=on"))
    page.get_by_label("A step is").select_option("regex")
    expect(page.locator("#outcome")).to_contain_text("Type the pattern")
    page.get_by_label("Pattern").press_sequentially("; |\\n")
    expect(page).to_have_url(re.compile(r"pattern=%3B(\+|%20)%7C%5Cn"))
    page.get_by_label("Problem", exact=True).fill("5")
    page.get_by_label("Problem", exact=True).press("Enter")
    expect(page.locator(STEPS)).to_have_text(
        ["1She has 5+2=7 plums", "2she eats one.", "3Then she has 7-1=6.", "4#### 6"]
    )
    page.reload()
    expect(page.locator(STEPS)).to_have_count(4)
    expect(page.get_by_label("Pattern")).to_have_value("; |\\n")
    page.get_by_label("Pattern").fill("(")
    expect(page.locator("#outcome")).to_contain_text("is no regular expression")


def test_problems_are_walked_by_keys_and_refused_ones_say_why(page: Page) -> None:
    page.goto("/datasets/experts/steps/?rule=numbered&problem=4")
    expect(page.locator("#totals dl")).to_be_visible()
    page.keyboard.press("ArrowRight")
    expect(page).to_have_url(re.compile("problem=5"))
    page.locator("#problem-after").focus()
    page.keyboard.press("Enter")
    expect(page.locator("#outcome")).to_contain_text("left out: step 2 is numbered 3")
    expect(page.locator(".trajectory img")).to_have_count(0)
    page.go_back()
    expect(page.locator("#outcome")).to_contain_text("no line begins like")
    page.get_by_role("link", name="6", exact=True).click()
    expect(page.get_by_label("Problem", exact=True)).to_have_value("6")
    accessible(page)


def test_the_run_form_begins_with_what_was_seen(page: Page) -> None:
    page.goto("/datasets/agents/steps/")
    expect(page.get_by_label("A step is")).to_have_value("tool_call")
    expect(page.locator(".instances .target")).to_have_text(re.compile("ls 1"))
    shoot(page, "calls")
    page.get_by_role("link", name="Use in a run").click()
    expect(page.locator("[name='method.kind'][value='srl']")).to_be_checked()
    expect(page.locator("[name='method.srl.steps.rule']")).to_have_value("tool_call")
    expect(page.locator("[name='method.srl.format']")).to_have_value("continuation")
    expect(page.locator("[name='problems.imported.slug']")).to_have_value("agents")


@pytest.mark.parametrize("scheme", SCHEMES)
def test_it_fits_a_narrow_screen_in_both_schemes(page: Page, scheme: Literal["light", "dark"]) -> None:
    page.emulate_media(color_scheme=scheme)
    for name, address in (
        ("numbered", "/datasets/experts/steps/?rule=numbered&title=on"),
        ("refused", "/datasets/experts/steps/?rule=numbered&problem=6"),
        ("calls", "/datasets/agents/steps/"),
        ("builtin", "/datasets/builtin/middle/steps/"),
    ):
        page.goto(address)
        expect(page.locator("#totals:not([hx-get])")).to_be_visible()
        accessible(page)
        shoot(page, f"{name}-{scheme}")
    page.set_viewport_size(NARROW)
    for address in ("/datasets/experts/steps/?rule=regex&pattern=%3B", "/datasets/agents/steps/"):
        fits_narrow(page, address)
        shoot(page, f"narrow-{scheme}-{'agents' if 'agents' in address else 'regex'}")
