"""The pages in a real browser: keyboard, permalinks, colours, narrow screens; nothing on the console, axe content."""

import re
from collections.abc import Iterator
from dataclasses import dataclass

import pytest
from django.test import Client
from playwright.sync_api import Browser, Page, expect
from pytest_django.live_server_helper import LiveServer

from tests.chromium import NARROW, accessible, becomes, fits, page_of
from tests.factories import make_group, make_story
from webapp.inspection.models import RolloutGroup
from webapp.runs.models import Run

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]

LONG = "<think>" + "wait, 12+7=19\nHowever, 19*3=57 \u202e<b>so</b>\t" * 60 + "</think><answer>57</answer>"


@dataclass(frozen=True)
class Story:
    """Ids of rows the tests look at. Read before the browser starts: with it, this thread has no database to share."""

    run: int
    rollout: int
    """The first of four long responses with a common beginning."""
    tokens: int
    """How many it has."""
    group: int
    early_group: int


@pytest.fixture
def story(transactional_db: None) -> Story:
    """Five steps, and in the last one a group with long responses."""
    run = make_story(steps=4, groups=4, size=3)
    Run.objects.filter(pk=run.pk).update(step=5)
    texts = [LONG, LONG.replace("57</answer>", "58</answer>"), LONG + " more", LONG[:80] + LONG]
    group = make_group(run, step=5, rewards=[1.0, 0.0, 1.0, 1.0], texts=texts, tokens=True)
    first = group.rollouts.get(index=0)
    return Story(run.pk, first.pk, first.length, group.pk, RolloutGroup.objects.filter(run=run, step=2)[0].pk)


@pytest.fixture
def page(browser: Browser, story: Story, live_server: LiveServer, researcher_client: Client) -> Iterator[Page]:
    with page_of(researcher_client, browser, live_server.url) as page:
        yield page


def test_tokens_are_walked_by_keyboard_and_have_an_address(page: Page, story: Story) -> None:
    page.goto(f"/rollouts/{story.rollout}/#t=3")
    readout, why = page.locator("[data-readout]"), page.locator("[data-why-panel]")
    expect(readout).to_contain_text("Token 3")
    expect(why).to_contain_text("Why was token 3 ")
    page.locator(".tokens").focus()
    page.keyboard.press("ArrowRight")
    expect(readout).to_contain_text("Token 4")
    expect(page).to_have_url(re.compile("#t=4$"))
    expect(why).to_contain_text("token 4")
    page.keyboard.press("End")
    expect(readout).to_contain_text(f"Token {story.tokens - 1} end")
    page.keyboard.press("ArrowRight")
    page.keyboard.press("Shift+ArrowLeft")
    expect(readout).to_contain_text(f"Token {story.tokens - 11}")
    page.keyboard.press("Home")
    page.keyboard.press("ArrowDown")
    expect(page.locator(".tokens i.at")).to_have_count(1)
    becomes(page, "document.querySelector('.at').offsetTop > document.querySelector('.tokens i').offsetTop + 5", True)
    page.locator(".tokens i").nth(7).hover()
    expect(readout).to_contain_text("Token 7")
    page.locator(".tokens i").nth(7).click()
    expect(why).to_contain_text("token 7")
    assert page.locator(".tokens").inner_text().count("⟦202E⟧") == 60
    accessible(page)


def test_one_class_switches_what_tokens_are_coloured_by(page: Page, story: Story) -> None:
    page.goto(f"/rollouts/{story.rollout}/")
    strip = page.locator("token-strip")
    expect(strip).to_have_class(re.compile("by-logprob"))
    for name, key in (("Entropy", "entropy"), ("Push", "push"), ("Δ to reference", "drift")):
        page.get_by_role("button", name=name, exact=True).click()
        expect(strip).to_have_class(f"by-{key}")
        expect(page.locator(f".legend[data-scale={key}]")).to_be_visible()
        expect(page.locator(".legend:visible")).to_have_count(1)
    expect(page).to_have_url(re.compile("by=drift"))
    page.reload()
    expect(strip).to_have_class("by-drift")
    page.get_by_role("button", name=re.compile("Reflective words")).click()
    expect(strip).to_have_class(re.compile("show-words"))
    expect(page.locator(".tokens .w").nth(119)).to_be_visible()
    page.get_by_role("button", name="␣ ⏎").click()
    page.get_by_role("button", name="Copy text").click()
    expect(page.locator("#announcer")).to_have_text(re.compile("copied|copy it by keyboard"))
    accessible(page)


def test_siblings_are_walked_ticked_opened_and_compared(page: Page, story: Story) -> None:
    page.goto(f"/groups/{story.group}/")
    expect(page.get_by_text(re.compile(r"All begin with the same \d+ characters"))).to_be_visible()
    page.keyboard.press("j")
    page.keyboard.press("x")
    page.keyboard.press("j")
    page.keyboard.press("j")
    page.keyboard.press("k")
    page.keyboard.press("x")
    accessible(page)
    page.get_by_role("button", name="Compare the two ticked").click()
    expect(page).to_have_url(re.compile(rf"a={story.rollout}&b={story.rollout + 1}"))
    expect(page.locator("del")).to_have_text(["57"])
    expect(page.locator("ins")).to_have_text(["58"])
    accessible(page)
    page.keyboard.press("g")
    page.wait_for_url(re.compile("/groups/"))
    page.keyboard.press("j")
    page.keyboard.press("Enter")
    page.wait_for_url(re.compile(f"/rollouts/{story.rollout}/"))
    page.keyboard.press("j")
    expect(page).to_have_url(re.compile(f"/rollouts/{story.rollout + 1}/"))


def test_steps_are_turned_by_arrow_keys_unless_single_keys_are_off(page: Page, story: Story) -> None:
    page.goto(f"/runs/{story.run}/steps/2/")
    page.keyboard.press("ArrowRight")
    expect(page.get_by_role("heading", name="Step 3", exact=True)).to_be_visible()
    expect(page).to_have_url(re.compile("/steps/3/"))
    page.get_by_role("link", name="Mean reward").click()
    expect(page.locator("th[aria-sort=descending]")).to_have_text("Mean reward")
    expect(page).to_have_url(re.compile("sort=-reward_mean"))
    accessible(page)
    page.go_back()
    expect(page.locator("th[aria-sort=ascending]")).to_have_text("Group")
    page.go_back()
    expect(page.get_by_role("heading", name="Step 2", exact=True)).to_be_visible()
    bar = page.locator(".histogram a").last
    count = int(re.findall(r"\d+ responses", bar.get_attribute("aria-label") or "")[0].split()[0])
    bar.click()
    expect(page.locator("table.rollouts tbody tr")).to_have_count(count)

    page.goto(f"/runs/{story.run}/steps/2/")
    page.keyboard.press("?")
    page.get_by_label("Single keys").uncheck()
    page.keyboard.press("Escape")
    page.keyboard.press("ArrowRight")
    page.wait_for_timeout(300)
    expect(page).to_have_url(re.compile("/steps/2/"))


def test_the_list_loads_more_and_keeps_its_address_short(page: Page, story: Story) -> None:
    page.goto(f"/runs/{story.run}/rollouts/")
    rows = page.locator("table.rollouts tbody tr:not(.more)")
    expect(rows).to_have_count(50)
    page.get_by_role("link", name="Load more").click()
    expect(rows).to_have_count(4 * 4 * 3 + 4)
    accessible(page)
    page.keyboard.press("/")
    page.keyboard.type("however")
    page.keyboard.press("Enter")
    expect(page).to_have_url(re.compile(r"\?split=train&q=however&sort=-step$"))
    expect(page.locator("mark").first).to_have_text(re.compile("however", re.IGNORECASE))


def test_every_page_fits_a_narrow_dark_screen(page: Page, story: Story) -> None:
    page.set_viewport_size(NARROW)
    page.emulate_media(color_scheme="dark")
    addresses = (
        f"/runs/{story.run}/rollouts/", f"/runs/{story.run}/steps/4/?split=heldout", f"/groups/{story.early_group}/",
        f"/groups/{story.group}/", f"/rollouts/{story.rollout}/#t=5",
        f"/rollouts/compare/?a={story.rollout}&b={story.rollout + 1}&by=token",
    )  # fmt: skip
    for address in addresses:
        page.goto("about:blank")
        page.goto(address)
        fits(page)
        accessible(page)
