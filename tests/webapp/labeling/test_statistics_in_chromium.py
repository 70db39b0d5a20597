"""Agreement, strengths, adjudication and export in a real browser: charts, keys, download, narrow and dark, axe."""

import json
import re
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from django.test import Client
from playwright.sync_api import Browser, Page, expect
from pytest_django.live_server_helper import LiveServer

from tests.chromium import NARROW, accessible, fits_narrow, in_thread, page_of
from tests.webapp.labeling.made_labels import labeled_project
from webapp.labeling.choices import Mode
from webapp.labeling.models import Annotation

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]


@dataclass(frozen=True)
class Story:
    """Addresses of the projects the tests look at, made before the browser starts."""

    pairs: str
    rankings: str


@pytest.fixture
def story(transactional_db: None) -> Story:
    """Of the pairs items 1 to 3 are in dispute, item 2 the most; of the rankings item 4."""

    def choose(item: int, who: int) -> dict[str, str]:
        if item == 2:
            return {"choice": "second_clearly"}
        return {"choice": "second_slightly" if item < 4 and who == item % 2 else "first_clearly"}

    pairs = labeled_project(8, choose, seconds=lambda who: 2.0 + 5 * who)
    rankings = labeled_project(
        4, lambda item, who: {"ranks": [3, 2, 1] if item == 4 and who else [1, 2, 3]}, mode=Mode.RANKING, sources="abc"
    )
    return Story(f"/label/{pairs.slug}", f"/label/{rankings.slug}")


@pytest.fixture
def page(browser: Browser, story: Story, live_server: LiveServer, researcher_client: Client) -> Iterator[Page]:
    with page_of(researcher_client, browser, live_server.url) as page:
        yield page


def adjudicated() -> list[tuple[int, dict[str, str], str]]:
    found: list[tuple[int, dict[str, str], str]] = []

    def read() -> None:
        rows = Annotation.objects.filter(kind="adjudicated").select_related("item").order_by("pk")
        found.extend((row.item.number, row.value, "withdrawn" if row.withdrawn_at else row.comment) for row in rows)

    in_thread(read)
    return found


def test_figures_are_fetched_and_drawn_with_tables_beside_them(page: Page, story: Story) -> None:
    page.goto(f"{story.pairs}/agreement/")
    expect(page.get_by_role("heading", name="By annotator")).to_be_visible()
    expect(page.locator("label-chart .main-svg").first).to_be_visible()
    expect(page.locator("label-chart").nth(4)).to_be_attached()
    expect(page.locator("label-chart:not(:has(.main-svg))")).to_have_count(0)
    expect(page.get_by_role("row", name=re.compile("Krippendorff's alpha"))).to_contain_text("to")
    accessible(page)
    page.get_by_role("button", name="Switch between light and dark").click()
    accessible(page)
    page.get_by_role("link", name="Strengths").click()
    expect(page.get_by_role("heading", name="Wins")).to_be_visible()
    expect(page.locator("label-chart .main-svg").first).to_be_visible()
    accessible(page)
    page.set_viewport_size(NARROW)
    for name in ("agreement", "strengths", "adjudicate", "export"):
        fits_narrow(page, f"{story.pairs}/{name}/")


def shows(page: Page, words: str) -> None:
    """The item with these words is shown, and its scripts listen for keys."""
    expect(page.get_by_role("heading", level=2).first).to_contain_text(words)
    page.wait_for_load_state()


def test_items_are_adjudicated_by_keyboard_alone(page: Page, story: Story) -> None:
    page.goto(f"{story.pairs}/adjudicate/")
    shows(page, "Item 2 1 of 3")
    accessible(page)
    page.keyboard.press("j")
    shows(page, "2 of 3")
    page.keyboard.press("k")
    shows(page, "Item 2 1 of 3")
    expect(page.get_by_text("✕ wrong")).to_be_hidden()
    page.keyboard.press("o")
    expect(page.get_by_text("✕ wrong")).to_be_visible()
    page.keyboard.press("1")
    expect(page.get_by_role("radio", name="A is clearly better")).to_be_checked()
    page.keyboard.press("w")
    expect(page.get_by_label("Why")).to_be_focused()
    page.keyboard.press("Control+Enter")
    shows(page, "Item 2 1 of 3")  # a comment is wanted
    page.keyboard.type("j is no key while one types")
    page.keyboard.press("Control+Enter")
    expect(page.get_by_text("Item 2 is decided.")).to_be_visible()
    shows(page, "1 of 2")
    assert adjudicated() == [(2, {"choice": "first_clearly"}, "j is no key while one types")]
    page.keyboard.press("u")
    expect(page.get_by_text("its row stays")).to_be_visible()
    shows(page, "Item 2 1 of 3")
    assert [words for _, _, words in adjudicated()] == ["withdrawn"]


def test_a_ranking_is_decided_with_the_fields_of_the_desk_and_listed_as_decided(page: Page, story: Story) -> None:
    page.goto(f"{story.rankings}/adjudicate/")
    accessible(page)
    expect(page.get_by_label("Rank of response C")).to_have_value("1")  # what most labelers say
    for key in "a1b1":
        page.keyboard.press(key)
    expect(page.get_by_label("Rank of response B")).to_have_value("1")
    page.get_by_label("Rank of response C").select_option("3")
    page.get_by_label("Why").fill("A and B say the same")
    page.get_by_role("button", name="Decide").click()
    expect(page.get_by_text("Nothing left to decide")).to_be_visible()
    assert adjudicated() == [(4, {"ranks": [1, 1, 2]}, "A and B say the same")]
    page.get_by_role("link", name="See them").click()
    expect(page.get_by_text("A = B > C").first).to_be_visible()
    accessible(page)
    page.set_viewport_size(NARROW)
    fits_narrow(page, f"{story.rankings}/adjudicate/?why=decided")


def test_an_export_is_chosen_previewed_and_downloaded(page: Page, story: Story, tmp_path: Path) -> None:
    page.goto(f"{story.pairs}/export/")
    expect(page.get_by_text("8 rows in all")).to_be_visible()
    page.get_by_label("Rows").select_option("rankings")
    expect(page.get_by_text("24 rows in all")).to_be_visible()
    expect(page).to_have_url(re.compile(r"kind=rankings"))
    expect(page.get_by_role("columnheader", name="annotator")).to_be_visible()
    accessible(page)
    with page.expect_download() as download:
        page.get_by_role("link", name="Download with its card").click()
    download.value.save_as(tmp_path / "made.zip")
    with zipfile.ZipFile(tmp_path / "made.zip") as archive:
        data, card = archive.namelist()
        rows = [json.loads(line) for line in archive.read(data).splitlines()]
        assert (len(rows), card) == (24, "README.md")
        assert b"How far annotators agree" in archive.read(card)
