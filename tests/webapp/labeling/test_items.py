"""Pages of items: the list narrowed by its address, one item with sources and labels, and setting one aside."""

import re
import uuid

import pytest
from django.test import Client
from pytest_django import DjangoAssertNumQueries

from tests.factories import make_group, make_run
from tests.webapp.labeling.made import RUBRIC, given, labelers, project_of, submit
from webapp.labeling import answers
from webapp.labeling.choices import FlagReason, Mode, SkipReason
from webapp.labeling.describing import in_words
from webapp.labeling.items import ItemDraft, ResponseDraft, add_items, set_aside
from webapp.labeling.models import LabelItem, LabelProject

pytestmark = pytest.mark.django_db


def numbers(client: Client, **asked: str) -> list[int]:
    return [row.item.number for row in client.get("/label/test-0/items/", asked).context["page"].rows]


@pytest.fixture
def project(db: None) -> LabelProject:
    """Item 1 complete, 2 begun and flagged, 3 skipped, 4 untouched, 5 set aside."""
    project = project_of(5, overlap=2)
    lea, max_ = labelers(2)
    for user in (lea, max_):
        submit(given(project, user))
    answers.flag(second := given(project, lea), lea, FlagReason.TRUNCATED, "ends <i>early")
    submit(second)
    answers.skip(given(project, max_), max_, SkipReason.OTHER)
    answers.skip(given(project, lea), lea, SkipReason.TOO_LONG)
    set_aside(project.items.get(number=5), True)
    return project


@pytest.mark.parametrize(
    ("asked", "found"),
    [
        ({}, [1, 2, 3, 4, 5]),
        ({"state": "complete"}, [1]),
        ({"state": "begun"}, [2]),
        ({"state": "untouched"}, [3, 4]),
        ({"state": "flagged"}, [2]),
        ({"state": "skipped"}, [2, 3]),
        ({"state": "aside"}, [5]),
        ({"state": "nonsense"}, [1, 2, 3, 4, 5]),
        ({"q": "PROMPT 4"}, [4]),
        ({"q": "2.1"}, [2]),
        ({"q": "2.1", "state": "complete"}, []),
        ({"q": "%"}, []),
    ],
)
def test_the_list_is_narrowed_by_its_address(
    researcher_client: Client, project: LabelProject, asked: dict[str, str], found: list[int]
) -> None:
    assert numbers(researcher_client, **asked) == found


def test_the_list_pages_in_order_with_as_many_queries_for_many(
    researcher_client: Client, django_assert_max_num_queries: DjangoAssertNumQueries
) -> None:
    project_of(120)
    address, seen = "/label/test-0/items/", []
    while address:
        with django_assert_max_num_queries(10):
            page = researcher_client.get(address)
        seen += [row.item.number for row in page.context["page"].rows]
        following = page.context["page"].next_cursor
        address = f"/label/test-0/items/?after={following}" if following else ""
    assert seen == list(range(1, 121))


def test_a_project_without_items_says_where_they_come_from(researcher_client: Client) -> None:
    project_of(0)
    page = researcher_client.get("/label/test-0/items/").content.decode()
    assert "no items yet" in page
    assert 'href="/label/test-0/generate/"' in page


def test_an_item_shows_sources_labels_and_what_else_happened(researcher_client: Client, project: LabelProject) -> None:
    page = researcher_client.get("/label/test-0/items/2/")
    html = page.content.decode()
    assert [words for _, words in page.context["page"].labels] in (["1 clearly better"], ["2 clearly better"])
    assert "ends &lt;i&gt;early" in html
    assert "another reason" in html
    assert (page.context["page"].before, page.context["page"].after) == (1, 3)
    assert researcher_client.get("/label/test-0/items/6/").status_code == 404


def test_a_withdrawn_label_is_shown_as_such(researcher_client: Client) -> None:
    project = project_of(1)
    [user] = labelers(1)
    submit(given(project, user))
    answers.undo_last(user, project)
    assert "taken back" in researcher_client.get("/label/test-0/items/1/").content.decode()


def test_responses_lead_to_the_rollouts_that_they_were(researcher_client: Client) -> None:
    run = make_run()
    group = make_group(run, step=4, index=2, rewards=[1.0, 0.0])
    project = project_of(0)
    at = {"run_id": run.pk, "step": 4, "split": "train", "group_index": 2}
    gone = at | {"step": 5}
    add_items(
        project,
        [
            ItemDraft("p", [ResponseDraft("a", rollout_index=0, **at), ResponseDraft("b", rollout_index=1, **at)]),
            ItemDraft("q", [ResponseDraft("a", rollout_index=0, **gone), ResponseDraft("b")]),
        ],
    )
    html = researcher_client.get("/label/test-0/items/1/").content.decode()
    assert re.findall(r'href="/rollouts/(\d+)/"', html) == [
        str(pk) for pk in group.rollouts.order_by("index").values_list("pk", flat=True)
    ]
    html = researcher_client.get("/label/test-0/items/2/").content.decode()
    assert "no longer there" in html
    assert "/rollouts/" not in html
    run.delete()
    assert "a deleted run" in researcher_client.get("/label/test-0/items/1/").content.decode()


def test_an_item_is_set_aside_and_put_back_from_the_page_it_is_flagged_on(
    researcher_client: Client, project: LabelProject
) -> None:
    item = LabelItem.objects.get(number=2)
    assert "Set item 2 aside" in researcher_client.get("/label/test-0/").content.decode()
    answer = researcher_client.post("/label/test-0/items/2/aside/", {"aside": "1", "next": "/label/test-0/"})
    assert answer["Location"] == "/label/test-0/"
    item.refresh_from_db()
    assert item.set_aside
    assert "Put item 2 back" in researcher_client.get("/label/test-0/").content.decode()
    answer = researcher_client.post("/label/test-0/items/2/aside/", {"aside": "0", "next": "https://evil.example/"})
    assert answer["Location"] == "/label/test-0/items/2/"
    item.refresh_from_db()
    assert not item.set_aside


@pytest.mark.parametrize(
    ("mode", "value", "words"),
    [
        (Mode.PAIRWISE, {"choice": "both_bad"}, "both bad"),
        (Mode.RANKING, {"ranks": [2, 1, 2, 3]}, "2 > 1 = 3 > 4"),
        (Mode.RATING, {"ratings": [{"clear": 3}, {"clear": 5}]}, "1: clear 3; 2: clear 5"),
        (Mode.TREE_STEP, {"best": 0}, "1 goes on best"),
        (Mode.TREE_STEP, {"best": None}, "none goes on well"),
    ],
)
def test_labels_of_every_mode_in_words(mode: Mode, value: dict[str, object], words: str) -> None:
    assert in_words(mode, value) == words


def test_a_rating_is_shown(researcher_client: Client) -> None:
    project = project_of(1, Mode.RATING, responses=1, rubric=RUBRIC)
    [user] = labelers(1)
    held = given(project, user)
    value = {"ratings": {held.handles[0]: {"clear": 4, "right": 1}}}
    answers.submit(held, user, uuid.uuid4(), value, 2.0)
    html = researcher_client.get("/label/test-0/items/1/").content.decode()
    assert "1: clear 4, right 1" in html
    assert "too fast" in html
