"""The viewer as tests of it in a real browser hold it: what is stored, where it is, when it is there."""

from dataclasses import dataclass

from playwright.sync_api import Page, expect

VIEWER = "document.querySelector('search-tree')"


@dataclass(frozen=True)
class Story:
    """What the tests look at. Read before the browser starts: with it, this thread has no database to share."""

    tree: int
    other: int
    figures: int
    nodes: int
    right_ends: list[int]
    """Numbers of all verified right ends."""
    recorded: int
    rollout: int
    """Of the node ``recorded``."""
    first_solved: int
    stored: list[tuple[float, int]]
    """q and N of every node."""


def opened(page: Page, address: str) -> None:
    page.goto(address)
    expect(page.locator("search-tree").first).not_to_have_attribute("aria-busy", "true")


def selected(page: Page) -> int:
    return int(page.evaluate(f"{VIEWER}.selected"))
