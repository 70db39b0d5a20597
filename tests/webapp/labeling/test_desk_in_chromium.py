"""The desk in a real browser: a day by keys alone and by mouse alone, and what a failing network may not take."""

import re
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from django.contrib.sessions.models import Session
from django.test import Client
from playwright.sync_api import Browser, Locator, Page, expect
from pytest_django.live_server_helper import LiveServer

from tests.chromium import NARROW, WIDEST, accessible, in_thread, page_of
from tests.webapp.labeling.made import RUBRIC, labelers, project_of
from webapp.accounts.models import User
from webapp.labeling.choices import Mode, Reveal
from webapp.labeling.models import Annotation, Assignment, Flag, LabelProject

COUNTED = Annotation.objects.filter(withdrawn_at=None).order_by("pk")

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]


@pytest.fixture
def ann() -> User:
    [ann] = labelers(1)
    return ann


@pytest.fixture
def page(browser: Browser, live_server: LiveServer, client: Client, ann: User) -> Iterator[Page]:
    """Failing requests are part of these tests; every other fault of the console fails them."""
    client.force_login(ann)
    with page_of(client, browser, live_server.url, expected="Failed to load resource") as page:
        page.set_default_timeout(8000)
        yield page


def read(query: Callable[[], Any]) -> Any:
    """What a query finds, asked from a thread of its own."""
    found: list[Any] = []
    in_thread(lambda: found.append(query()))
    return found[0]


def stored() -> list[Any]:
    """Values of the labels that count, first to last."""
    return read(lambda: list(COUNTED.values_list("value", flat=True)))


def open_desk(page: Page, project: LabelProject) -> None:
    page.goto(f"/label/{project.slug}/work/")
    expect(page.locator("label-desk [data-do=undo]")).to_be_visible()


def shows(page: Page, number: int) -> None:
    """Item ``number`` lies on the desk and takes a label."""
    expect(page.locator("#prompt-text")).to_have_text(f"prompt {number}")
    expect(page.locator("[data-place]:not([inert])")).to_have_count(1)


def submit_of(page: Page) -> Locator:
    return page.get_by_role("button", name="Submit", exact=True)


def places(page: Page) -> list[str]:
    """The ranking, best first: letters of each line."""
    return ["".join(line.locator(".chip .letter").all_inner_texts()) for line in page.locator(".place").all()]


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
    assert read(lambda: all(0 < each < 60 for each in Annotation.objects.values_list("seconds", flat=True)))


def test_rankings_ratings_and_steps_by_keyboard_alone(page: Page) -> None:
    project, keys = project_of(2, Mode.RANKING, responses=4), page.keyboard
    open_desk(page, project)
    shows(page, 1)
    assert places(page) == ["A", "B", "C", "D"]
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
    assert places(page) == ["AC", "B", "D"]
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


def drag(page: Page, chip: Locator, onto: Locator, share: float) -> None:
    """Drag by mouse to a height of another element: 0 its top, 1 its bottom."""
    here, there = chip.bounding_box(), onto.bounding_box()
    assert here
    assert there
    page.mouse.move(here["x"] + 60, here["y"] + here["height"] / 2)
    page.mouse.down()
    page.mouse.move(there["x"] + 60, there["y"] + there["height"] * share, steps=4)
    page.mouse.up()


def test_five_rankings_by_mouse_alone(page: Page) -> None:
    open_desk(page, project_of(6, Mode.RANKING, responses=4))
    submit = submit_of(page)
    chip = lambda letter: page.locator(f".chip:has(.letter:text-is('{letter}'))")  # noqa: E731
    shows(page, 1)
    drag(page, chip("D"), page.locator(".place").first, 0.1)
    assert places(page) == ["D", "A", "B", "C"]
    drag(page, chip("C"), page.locator(".place").nth(1), 0.5)
    assert places(page) == ["D", "AC", "B"]
    page.get_by_role("button", name="Move response C up").click()
    assert places(page) == ["D", "C", "A", "B"]
    page.get_by_role("button", name="Move response A down").click()
    assert places(page) == ["D", "C", "B", "A"]
    drag(page, chip("D"), page.locator(".place").last, 0.9)
    assert places(page) == ["C", "B", "A", "D"]
    submit.click()
    shows(page, 2)
    page.get_by_label("Rank of response B").select_option("1")
    assert places(page) == ["AB", "C", "D"]
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
    assert places(page) == ["B", "A", "C", "D"]
    for number in (5, 6):
        submit.click()
        shows(page, number)
        page.get_by_role("button", name="Move response D up").click()
    submit.click()
    expect(page.get_by_role("heading", name="Nothing is left for you")).to_be_visible()
    values = read(lambda: list(COUNTED.values_list("value", "assignment__order")))
    as_shown = [[value["ranks"][index] for index in order] for value, order in values]
    assert as_shown == [[3, 2, 1, 4], [1, 1, 2, 3], [2, 1, 3, 4], [1, 2, 4, 3], [1, 2, 4, 3]]


def test_two_clicks_label_a_pair_and_then_it_is_told_who_wrote_what(page: Page) -> None:
    open_desk(page, project_of(2, reveal=Reveal.AFTER_SUBMIT))
    page.locator(".choices").get_by_text("A is slightly better").click()
    submit_of(page).click()
    expect(page.get_by_role("heading", name="Your label is in. This is who wrote what:")).to_be_focused()
    expect(page.locator(".identities li")).to_have_count(2)
    accessible(page)
    page.keyboard.press("Control+Enter")
    shows(page, 2)


def test_a_label_waits_for_the_connection_and_is_sent_once(page: Page) -> None:
    open_desk(page, project_of(3))
    shows(page, 1)
    page.context.set_offline(True)
    page.keyboard.press("2")
    page.keyboard.press("Control+Enter")
    waits = page.locator("[data-waiting]")
    expect(waits).to_contain_text("1 label waits for the connection")
    page.context.set_offline(False)
    shows(page, 2)
    expect(waits).to_be_hidden()
    assert len(stored()) == 1
    # The answer is lost, though the label is in: it is sent again, and is the same.
    seen: list[str] = []

    def lose(route: Any) -> None:
        if not seen:
            route.fetch()
        seen.append(route.request.post_data_json["client_id"])
        route.abort()

    page.route("**/submit/", lose)
    page.keyboard.press("4")
    page.keyboard.press("Control+Enter")
    expect(waits).to_be_visible()
    assert len(stored()) == 2
    page.reload()
    expect(waits).to_be_visible()
    page.unroute("**/submit/")
    waits.get_by_role("button", name="Send now").click()
    expect(waits).to_be_hidden()
    shows(page, 3)
    assert len(set(seen)) == 1
    assert len(stored()) == 2
    assert page.evaluate("Object.keys(localStorage).filter((key) => key.includes('outbox'))") == []


def test_a_login_that_ended_keeps_the_label_and_a_refused_one_says_why(
    page: Page, client: Client, ann: User, live_server: LiveServer
) -> None:
    project = project_of(3)
    open_desk(page, project)
    in_thread(lambda: Session.objects.all().delete())
    page.keyboard.press("1")
    page.keyboard.press("Control+Enter")
    waits = page.locator("[data-waiting]")
    expect(waits).to_contain_text("You are logged out, and 1 label waits here")
    expect(waits.get_by_role("link", name="Log in")).to_be_visible()
    in_thread(lambda: client.force_login(ann))
    session = client.cookies["sessionid"].value
    page.context.add_cookies([{"name": "sessionid", "value": session, "url": live_server.url}])
    waits.get_by_role("button", name="Send now").click()
    shows(page, 2)
    assert len(stored()) == 1
    # Meanwhile the item was skipped elsewhere: the server takes no label for it.
    in_thread(lambda: Assignment.objects.filter(state="reserved").update(state="skipped"))
    page.keyboard.press("1")
    page.keyboard.press("Control+Enter")
    refused = page.locator("[data-refused]")
    expect(refused).to_contain_text("A label was not taken: This item is skipped already.")
    refused.get_by_role("button", name="Discard it").click()
    shows(page, 3)
    expect(refused).to_be_hidden()


def test_what_is_entered_is_saved_and_there_after_a_reload(page: Page) -> None:
    open_desk(page, project_of(1, Mode.RANKING, responses=3))
    page.keyboard.press("c")
    page.keyboard.press("1")
    page.locator(".comment summary").click()
    page.get_by_label("Comment on this item").fill("s is no key here")
    saved = page.locator("[data-saved-words]")
    expect(saved).to_have_text(re.compile(r"^Saved \d\d:\d\d:\d\d$"))
    with page.expect_response(re.compile("/draft/")):
        page.get_by_label("Comment on this item").press("!")
    page.reload()
    expect(page.get_by_label("Comment on this item")).to_have_value("s is no key here!")
    expect(saved).to_have_text(re.compile(r"^Saved \d\d:\d\d:\d\d$"))
    assert places(page) == ["AC", "B"]


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


def test_time_stands_still_while_the_page_is_hidden(page: Page) -> None:
    open_desk(page, project_of(1))
    page.clock.install()
    seconds = page.evaluate(
        """async () => {
            const { Stopwatch } = await import("/static/js/labeling/stopwatch.js");
            window.watch = new Stopwatch(2);
            return window.watch.seconds;
        }"""
    )
    assert seconds == pytest.approx(2, abs=0.5)
    hide = """(hidden) => {
        Object.defineProperty(document, "hidden", {value: hidden, configurable: true});
        document.dispatchEvent(new Event("visibilitychange"));
    }"""
    page.clock.run_for(3000)
    page.evaluate(hide, True)
    page.clock.run_for(60_000)
    page.evaluate(hide, False)
    page.clock.run_for(4000)
    assert page.evaluate("window.watch.seconds") == pytest.approx(9, abs=1.5)


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
    assert page.evaluate(WIDEST) <= NARROW["width"]
    accessible(page)
    expect(submit_of(page)).to_be_in_viewport()
    small = page.evaluate(
        """() => [...document.querySelectorAll("label-desk :is(button, select, summary, .choice, .radios label)")]
            .filter((each) => each.checkVisibility())
            .map((each) => [each.textContent.trim(), each.getBoundingClientRect()])
            .filter(([, box]) => box.width < 24 || box.height < 24).map(([words]) => words)"""
    )
    assert small == []
