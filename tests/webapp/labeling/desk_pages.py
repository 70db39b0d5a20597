"""What tests of the desk in a browser ask and do."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from playwright.sync_api import Locator, Page, expect

from tests.chromium import becomes, come_to_rest, in_thread, requests_of
from webapp.labeling.models import Annotation, LabelProject

COUNTED = Annotation.objects.filter(withdrawn_at=None).order_by("pk")


def read(query: Callable[[], Any]) -> Any:
    """What a query finds, asked from a thread of its own."""
    found: list[Any] = []
    in_thread(lambda: found.append(query()))
    return found[0]


def stored() -> list[Any]:
    """Values of the labels that count, first to last."""
    return read(lambda: list(COUNTED.values_list("value", flat=True)))


@contextmanager
def left_in_peace(page: Page) -> Iterator[None]:
    """At its end nothing of the page is under way: a draft that is saved as the page closes would meet the flush of
    the database that ends a test."""
    pending = requests_of(page)
    yield
    page.evaluate("void (window.fetch = () => new Promise(() => {}))")  # a bare function would be called
    come_to_rest(page, pending)


def open_desk(page: Page, project: LabelProject) -> None:
    page.goto(f"/label/{project.slug}/desk/")
    expect(page.locator("label-desk [data-do=undo]")).to_be_visible()


def shows(page: Page, number: int) -> None:
    """Item ``number`` lies on the desk and takes a label."""
    expect(page.locator("#prompt-text")).to_have_text(f"prompt {number}")
    expect(page.locator("[data-place]:not([inert])")).to_have_count(1)


def submit_of(page: Page) -> Locator:
    return page.get_by_role("button", name="Submit", exact=True)


def ranked(page: Page, places: list[str]) -> None:
    """The ranking becomes this one, best first: letters of each line."""
    letters = "[...line.querySelectorAll('.chip .letter')].map((each) => each.textContent).join('')"
    becomes(page, f"[...document.querySelectorAll('.place')].map((line) => {letters})", places)
