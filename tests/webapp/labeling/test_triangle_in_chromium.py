"""The triangle in a real browser: narrowed by a chip, followed to a rollout and back; narrow, dark and accessible."""

from collections.abc import Iterator

import pytest
from django.test import Client
from playwright.sync_api import Browser, Page, expect
from pytest_django.live_server_helper import LiveServer

from tests.chromium import NARROW, accessible, fits_narrow, page_of
from tests.factories import make_group
from tests.webapp.labeling.made import project_of
from tests.webapp.labeling.triangle_story import item_of, label, score
from tests.webapp.runs.pages.made import make_run
from webapp.labeling.choices import Mode
from webapp.labeling.items import ItemDraft, ResponseDraft, add_items

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]


@pytest.fixture
def slug(transactional_db: None) -> str:
    """A project of rollouts of two steps, ranked by people and scored by two reward models that differ."""
    policy, old, new = (make_run(name=name) for name in ("GRPO", "First reward model", "Second reward model"))
    project = project_of(0, Mode.RANKING)
    for step in (10, 20):
        make_group(policy, step=step, rewards=[1.0, 0.0])
        at = {"run_id": policy.pk, "step": step, "split": "train", "group_index": 0}
        responses = [
            ResponseDraft("a", correct=True, reward=1.0, rollout_index=0, **at),
            ResponseDraft("b", correct=False, reward=0.0, rollout_index=1, **at),
            ResponseDraft("c", source="somebody"),
        ]
        add_items(project, [ItemDraft("What is 2 + 2? " * 20, responses)])
    label(item_of(project, 1), [1, 2, 3])
    label(item_of(project, 2), [3, 1, 2])
    for item in project.items.all():
        score(old, item, [2.0, 1.0, 0.0], {0: 0.5})
        score(new, item, [0.0, 1.0, 2.0])
    return project.slug


@pytest.fixture
def page(browser: Browser, slug: str, live_server: LiveServer, researcher_client: Client) -> Iterator[Page]:
    with page_of(researcher_client, browser, live_server.url) as page:
        yield page


def test_from_a_disagreement_to_the_rollout_and_back(page: Page, slug: str) -> None:
    page.goto(f"/label/{slug}/triangle/")
    expect(page.get_by_role("heading", name="Item", exact=False)).to_have_count(2)
    page.get_by_role("link", name="People ≠ verifier 1").click()
    expect(page.get_by_role("heading", name="Item 2")).to_be_visible()
    expect(page.get_by_role("heading", name="Item 1")).to_have_count(0)
    accessible(page)
    page.get_by_label("Reward of").select_option("stored")
    page.get_by_role("button", name="Show").click()
    expect(page).to_have_url(f"{page.url.split('/label')[0]}/label/{slug}/triangle/?kind=people-verifier&reward=stored")
    page.get_by_role("link", name="step 20, train, group 0, response 1").click()
    section = page.get_by_role("region", name="What people say of it")
    expect(section).to_contain_text("1. of 3 by 1 label")
    accessible(page)
    section.get_by_role("link", name="item 2").click()
    expect(page).to_have_url(f"{page.url.split('/label')[0]}/label/{slug}/items/2/")


def test_the_other_pages(page: Page, slug: str) -> None:
    page.goto(f"/label/{slug}/triangle/")
    page.get_by_role("link", name="Over the steps").click()
    expect(page.get_by_role("img", name="Mean reward, and what people say")).to_be_visible()
    expect(page.get_by_role("row", name="10 0.5")).to_contain_text("100.0 %")
    accessible(page)
    page.get_by_role("link", name="Changed its mind").click()
    expect(page.get_by_role("row", name="Item")).to_have_count(7)
    page.get_by_role("link", name="Away from people 4").click()
    expect(page.get_by_text("away from people", exact=True)).to_have_count(4)
    page.evaluate("document.documentElement.dataset.theme = 'dark'")
    accessible(page)
    page.set_viewport_size(NARROW)
    for part in ("", "steps/", "changes/"):
        fits_narrow(page, f"/label/{slug}/triangle/{part}")
