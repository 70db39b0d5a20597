"""The desk in a real browser: a day by keys alone and by mouse alone, on a phone, read out, in the dark."""

import re
from typing import Any

import pytest
from playwright.sync_api import Browser, Locator, Page, expect
from pytest_django.live_server_helper import LiveServer

from tests.chromium import NARROW, accessible, becomes, fits
from tests.webapp.labeling.desk_pages import COUNTED, left_in_peace, open_desk, ranked, read, shows, stored, submit_of
from tests.webapp.labeling.made import RUBRIC, project_of
from webapp.labeling import queue
from webapp.labeling.choices import Mode, Reveal
from webapp.labeling.items import ItemDraft, ResponseDraft, add_items
from webapp.labeling.models import Annotation, Assignment, Flag

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]


@pytest.fixture
def page(desk_page: Page) -> Page:
    return desk_page


def drag(page: Page, chip: Locator, onto: Locator, share: float) -> None:
    """Drag by mouse to a height of another element: 0 its top, 1 its bottom."""
    here, there = chip.bounding_box(), onto.bounding_box()
    assert here
    assert there
    page.mouse.move(here["x"] + 60, here["y"] + here["height"] / 2)
    page.mouse.down()
    page.mouse.move(there["x"] + 60, there["y"] + there["height"] * share, steps=4)
    page.mouse.up()


def test_five_pairs_by_keyboard_alone(page: Page) -> None:
    project = project_of(6, instructions="Prefer the *right* one.")
    open_desk(page, project)
    keys = page.keyboard
    shows(page, 1)
    keys.press("Control+Enter")
    expect(page.locator("#announcer")).to_have_text("Choose which response is better first.")
    keys.press("3")
    keys.press("Control+Enter")
    shows(page, 2)
    expect(page.locator("#announcer")).to_have_text("Next item")
    keys.press("f")
    expect(page.get_by_role("dialog", name="Flag this item")).to_be_visible()
    keys.press("ArrowDown")
    keys.press("Enter")
    expect(page.locator("[data-said]")).to_have_text("Flagged: Unsafe. You can still label or skip it.")
    keys.press("1")
    keys.press("Control+Enter")
    shows(page, 3)
    keys.press("s")
    keys.press("ArrowDown")
    keys.press("Enter")
    shows(page, 4)
    keys.press("5")
    keys.press("Control+Enter")
    shows(page, 5)
    keys.press("u")
    shows(page, 4)
    expect(page.get_by_role("radio", name="B is clearly better")).to_be_checked()
    keys.press("4")
    keys.press("Control+Enter")
    shows(page, 5)
    keys.press("Control+z")
    shows(page, 4)
    keys.press("Control+Enter")
    shows(page, 5)
    keys.press("0")
    keys.press("Control+Enter")
    shows(page, 6)
    keys.press("9")
    keys.press("Control+Enter")
    expect(page.get_by_role("heading", name="Nothing is left for you")).to_be_focused()
    orders = read(lambda: dict(Annotation.objects.values_list("assignment__item__number", "assignment__order")))
    left, right = (("first", "second")[orders[2][0]], ("first", "second")[orders[4][1]])
    wanted = ["tie", f"{left}_clearly", f"{right}_slightly", "both_bad", "both_good"]
    assert [value["choice"] for value in stored()] == wanted
    assert read(lambda: Flag.objects.values_list("reason", "assignment__item__number").get()) == ("unsafe", 2)
    assert read(lambda: Assignment.objects.get(state="skipped").skip_reason) == "too_long"
    assert read(lambda: all(0 < each < 600 for each in Annotation.objects.values_list("seconds", flat=True)))


def test_rankings_ratings_and_steps_by_keyboard_alone(page: Page) -> None:
    project, keys = project_of(2, Mode.RANKING, responses=4), page.keyboard
    open_desk(page, project)
    shows(page, 1)
    ranked(page, ["A", "B", "C", "D"])
    keys.press("Control+Enter")
    expect(page.get_by_role("dialog", name="Submit the order as it was shown?")).to_contain_text("A, B, C, D")
    keys.press("Escape")
    keys.press("d")
    expect(page.locator(".card[data-letter=D]")).to_be_focused()
    keys.press("Alt+ArrowUp")
    expect(page.locator("#announcer")).to_have_text("Response D moved to 3 of 4")
    keys.press("c")
    keys.press("1")
    expect(page.locator("#announcer")).to_have_text("Response C has rank 1, tied with A")
    ranked(page, ["AC", "B", "D"])
    expect(page.locator(".place.is-tie")).to_contain_text("= tie")
    keys.press("Shift+D")
    expect(page.get_by_role("dialog", name="Two responses compared")).to_contain_text("of the words are the same")
    keys.press("Escape")
    keys.press("Control+Enter")
    shows(page, 2)
    keys.press("Control+Enter")
    keys.press("Enter")
    expect(page.get_by_role("heading", name="All is labeled")).to_be_visible()
    order, shown = read(lambda: list(Assignment.objects.order_by("pk").values_list("order", flat=True)))
    by_shown = [stored()[0]["ranks"][index] for index in order]
    assert by_shown == [1, 2, 1, 3]
    assert [stored()[1]["ranks"][index] for index in shown] == [1, 2, 3, 4]

    open_desk(page, project_of(1, Mode.RATING, rubric=RUBRIC))
    for key in ("4", "1", "b", "2", "0"):
        keys.press(key)
    keys.press("Control+Enter")
    expect(page.get_by_role("heading", name="All is labeled")).to_be_visible()
    ratings = stored()[2]["ratings"]
    assert sorted((each["clear"], each["right"]) for each in ratings) == [(2, 0), (4, 1)]

    open_desk(page, project_of(2, Mode.TREE_STEP, responses=3))
    keys.press("c")
    keys.press("Control+Enter")
    shows(page, 2)
    keys.press("0")
    keys.press("Control+Enter")
    expect(page.get_by_role("heading", name="All is labeled")).to_be_visible()
    third = read(lambda: Assignment.objects.filter(project__mode="tree_step").earliest("pk").order[2])
    assert [value["best"] for value in stored()[3:]] == [third, None]


def test_five_rankings_by_mouse_alone(page: Page, monkeypatch: pytest.MonkeyPatch) -> None:
    # Names that look like numbers: a plain object would sort them.
    monkeypatch.setattr(queue, "new_handles", lambda count: [str(90_000_000 - each) for each in range(count)])
    open_desk(page, project_of(6, Mode.RANKING, responses=4))
    submit = submit_of(page)
    chip = lambda letter: page.locator(f".chip:has(.letter:text-is('{letter}'))")  # noqa: E731
    shows(page, 1)
    drag(page, chip("D"), page.locator(".place").first, 0.1)
    ranked(page, ["D", "A", "B", "C"])
    drag(page, chip("C"), page.locator(".place").nth(1), 0.5)
    ranked(page, ["D", "AC", "B"])
    page.get_by_role("button", name="Move response C up").click()
    ranked(page, ["D", "C", "A", "B"])
    page.get_by_role("button", name="Move response A down").click()
    ranked(page, ["D", "C", "B", "A"])
    drag(page, chip("D"), page.locator(".place").last, 0.9)
    ranked(page, ["C", "B", "A", "D"])
    submit.click()
    shows(page, 2)
    page.get_by_label("Rank of response B").select_option("1")
    ranked(page, ["AB", "C", "D"])
    submit.click()
    shows(page, 3)
    page.get_by_role("button", name="Skip…").click()
    page.get_by_label("Too hard for me").click()
    page.get_by_role("dialog").get_by_role("button", name="Skip").click()
    shows(page, 4)
    page.get_by_role("button", name="Flag…").click()
    page.get_by_label("Cut off").click()
    page.get_by_role("dialog").get_by_role("button", name="Flag").click()
    expect(page.locator("[data-said]")).to_contain_text("Flagged: Cut off")
    submit.click()
    page.get_by_role("button", name="Submit this order").click()
    shows(page, 5)
    page.get_by_role("button", name="Undo last submit").click()
    shows(page, 4)
    drag(page, chip("A"), page.locator(".place").nth(1), 0.9)
    ranked(page, ["B", "A", "C", "D"])
    for number in (5, 6):
        submit.click()
        shows(page, number)
        page.get_by_role("button", name="Move response D up").click()
    submit.click()
    expect(page.get_by_role("heading", name="Nothing is left for you")).to_be_visible()
    values = read(lambda: list(COUNTED.values_list("value", "assignment__order")))
    as_shown = [[value["ranks"][index] for index in order] for value, order in values]
    assert as_shown == [[3, 2, 1, 4], [1, 1, 2, 3], [2, 1, 3, 4], [1, 2, 4, 3], [1, 2, 4, 3]]


def test_a_ranking_by_touch(desk_page: Page, browser: Browser, live_server: LiveServer) -> None:
    project = project_of(1, Mode.RANKING, responses=3)
    context = browser.new_context(base_url=live_server.url, viewport=NARROW, has_touch=True, is_mobile=True)
    context.add_cookies(desk_page.context.cookies())  # type: ignore[arg-type]  # what it gives is what it takes
    page = context.new_page()
    with left_in_peace(page):
        open_desk(page, project)
        page.get_by_role("button", name="Move response C up").tap()
        expect(page.locator(".chip .letter")).to_have_text(["A", "C", "B"])
        page.locator("rank-list").evaluate("(list) => list.scrollIntoView({ block: 'center' })")
        grip, first = page.locator(".grip").last.bounding_box(), page.locator(".place").first.bounding_box()
        assert grip
        assert first
        touch = context.new_cdp_session(page)
        x, start, end = grip["x"] + 8, grip["y"] + 8, first["y"] + 2
        touch.send("Input.dispatchTouchEvent", {"type": "touchStart", "touchPoints": [{"x": x, "y": start}]})
        for y in (start - 9, (start + end) / 2, end):
            touch.send("Input.dispatchTouchEvent", {"type": "touchMove", "touchPoints": [{"x": x, "y": y}]})
        touch.send("Input.dispatchTouchEvent", {"type": "touchEnd", "touchPoints": []})
        expect(page.locator(".chip .letter")).to_have_text(["B", "A", "C"])
    context.close()


def test_two_clicks_label_a_pair_and_then_it_is_told_who_wrote_what(page: Page) -> None:
    open_desk(page, project_of(2, reveal=Reveal.AFTER_SUBMIT))
    page.locator(".choices").get_by_text("A is slightly better").click()
    submit_of(page).click()
    expect(page.get_by_role("heading", name="Your label is in. This is who wrote what:")).to_be_focused()
    expect(page.locator(".identities li")).to_have_count(2)
    accessible(page)
    page.keyboard.press("Control+Enter")
    shows(page, 2)


def test_a_long_response_is_shown_from_its_beginning_and_can_be_folded(page: Page) -> None:
    project = project_of(0, Mode.RANKING)
    texts = [f"Response {number}. {'And so on. ' * 400}" for number in range(5)]
    add_items(project, [ItemDraft("A long prompt. " * 400, [ResponseDraft(text) for text in texts])])
    open_desk(page, project)
    for letter in "eb":
        page.keyboard.press(letter)
        card = page.locator(f".card[data-letter={letter.upper()}]")
        expect(card).to_be_focused()
        head, asked = card.locator("h3").bounding_box(), page.locator(".asked").bounding_box()
        assert head
        assert asked
        assert asked["y"] + asked["height"] <= head["y"] < 600, letter
    tall = "[...document.querySelectorAll('.card')].filter((card) => card.offsetHeight > 300).length"
    becomes(page, tall, 5)
    page.keyboard.press("[")
    becomes(page, tall, 0)
    page.reload()
    page.get_by_role("button", name="Unfold").last.click()
    becomes(page, tall, 1)
    page.keyboard.press("]")
    becomes(page, tall, 5)


def test_keys_can_be_changed_and_switched_off(page: Page) -> None:
    open_desk(page, project_of(2))
    page.keyboard.press("?")
    page.get_by_role("button", name="Change keys").click()
    dialog = page.get_by_role("dialog", name="Keys", exact=True)
    dialog.get_by_label("Skip", exact=True).press("g")
    expect(dialog.get_by_role("status")).to_contain_text("“g” is taken by: Guidelines")
    expect(dialog.get_by_label("Skip", exact=True)).to_have_value("s")
    dialog.get_by_label("Skip", exact=True).press("x")
    accessible(page)
    dialog.get_by_role("button", name="Done").click()
    expect(page.get_by_role("button", name="Skip…").locator("kbd")).to_have_text("x")
    page.keyboard.press("s")
    expect(page.locator("dialog[open]")).to_have_count(0)
    page.keyboard.press("x")
    skip = page.get_by_role("dialog", name="Skip this item")
    expect(skip).to_be_visible()
    page.keyboard.press("1")
    page.keyboard.press("Escape")
    expect(page.locator("[name=choice]:checked")).to_have_count(0)
    # AltGr is no modifier, Ctrl and Alt are.
    press = "(flags) => document.body.dispatchEvent(new KeyboardEvent('keydown', {key: '2', bubbles: true, ...flags}))"
    page.evaluate(press, {"ctrlKey": True, "altKey": True})
    expect(page.locator("[name=choice]:checked")).to_have_count(0)
    page.evaluate(press, {"ctrlKey": True, "altKey": True, "modifierAltGraph": True})
    expect(page.get_by_role("radio", name="A is slightly better")).to_be_checked()
    page.keyboard.press("?")
    page.get_by_role("button", name="Change keys").click()
    dialog.get_by_label("Single keys work as shortcuts").uncheck()
    dialog.get_by_role("button", name="Done").click()
    expect(page.locator("[data-saved-words]")).to_have_text(re.compile("Saved"))
    page.reload()
    shows(page, 1)
    for key in ("5", "x", "u"):
        page.keyboard.press(key)
    expect(page.locator("dialog[open]")).to_have_count(0)
    expect(page.get_by_role("radio", name="A is slightly better")).to_be_checked()
    page.keyboard.press("Control+Enter")
    shows(page, 2)


@pytest.mark.parametrize("mode", list(Mode))
def test_the_desk_fits_a_phone_and_is_accessible_in_light_and_dark(page: Page, mode: Mode) -> None:
    more: dict[str, Any] = {"rubric": RUBRIC} if mode == Mode.RATING else {}
    project = project_of(1, mode, instructions="# Look\n\nwell", **more)
    open_desk(page, project)
    accessible(page)
    page.evaluate("document.documentElement.dataset.theme = 'dark'")
    accessible(page)
    page.set_viewport_size(NARROW)
    open_desk(page, project)
    fits(page)
    accessible(page)
    expect(submit_of(page)).to_be_in_viewport()
    small = page.evaluate(
        """() => [...document.querySelectorAll("label-desk :is(button, select, summary, .choice, .radios label)")]
            .filter((each) => each.checkVisibility())
            .map((each) => [each.textContent.trim(), each.getBoundingClientRect()])
            .filter(([, box]) => box.width < 24 || box.height < 24).map(([words]) => words)"""
    )
    assert small == []
