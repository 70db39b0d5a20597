"""From a run whose model calls tools to one of its failing calls, which is run again, explained and compared."""

import re

import pytest
from playwright.sync_api import Page, expect

from tests.browser.journeys import import_config, start_and_finish
from tests.chromium import accessible
from training.config import RunConfig

pytestmark = [pytest.mark.browser, pytest.mark.processes]

CONFIG = RunConfig.model_validate(
    {
        "steps": 2,
        "model": {"kind": "builtin", "variant": "tools"},
        "prompt": {"tools": "template"},
        "method": {
            "kind": "grpo",
            "sampling": {"prompts_per_step": 8, "samples_per_prompt": 4, "max_tokens": 320},
            "agentic": {"enabled": True, "max_turns": 4},
        },
        "problems": {"kind": "builtin", "level": "tools", "train_count": 16, "heldout_count": 4},
        "evaluation": {"every_steps": 0},
        "hardware": {"threads": 1, "device": "cpu"},
    }
)
"""The built-in model writes clumsy calls as often as clean ones, so that 64 responses hold many that fail."""

REFLECTION = ".tokens .k2 i"
"""Tokens of that class, in the strip coloured by class."""


def open_failing_call(page: Page, run: int) -> None:
    """A response with a call that raised, after which some tokens reflect on what the tool said."""
    page.goto(f"/runs/{run}/rollouts/?calls=failed")
    links = page.locator("main a[href^='/rollouts/']").evaluate_all("links => links.map(link => link.pathname)")
    addresses = [link for link in dict.fromkeys(links) if re.fullmatch(r"/rollouts/\d+/", link)]
    for address in addresses:
        page.goto(f"{address}?by=class")
        expect(page.locator("token-strip .tokens i").first).to_be_visible()
        if page.locator(".line.wrong").count() and page.locator(REFLECTION).count():
            return
    raise AssertionError(f"none of {len(addresses)} responses with failing calls shows what failed and a reflection")


def test_a_failing_call_of_a_real_run_is_run_again_explained_and_compared(visitor: Page) -> None:
    page = visitor
    import_config(page, CONFIG)
    run = start_and_finish(page)
    open_failing_call(page, run)
    trace = page.url
    call = page.locator("[id^=call-]", has=page.locator(".line.wrong")).first
    raised = re.search(r"\b[A-Z]\w+Error\b", call.inner_text())
    assert raised, "the call tells no exception"
    accessible(page)

    call.get_by_role("link", name="Run it again").click()
    expect(page).to_have_url(re.compile(r"/sandbox/\?call=\d+"))
    expect(page.get_by_text("under its run's limits")).to_be_visible()
    page.get_by_role("button", name="Run program").click()
    result = page.get_by_role("region", name="Result")
    expect(result).to_contain_text(raised[0])
    expect(page).to_have_url(re.compile(r"/sandbox/\?run=\d+"))
    accessible(page)

    page.get_by_role("link", name=re.compile(r"call \d+ of response \d+")).click()
    expect(page).to_have_url(trace.split("?")[0])
    page.goto(trace)
    page.locator(REFLECTION).first.click()
    expect(page.locator("[data-readout]")).to_contain_text("reflection on a tool's result")
    expect(page.locator("[data-why-panel]")).to_contain_text("Among the most uncertain fifth")
    page.get_by_role("link", name=re.compile(r"^Compare with response")).first.click()
    expect(page).to_have_url(re.compile(r"/rollouts/compare/\?a="))
    expect(page.get_by_text("first divergence").first).to_be_visible()
    accessible(page)
