"""Pages of label projects: the list, one project, its settings, and the way to close and delete it."""

import html
import re
import uuid
from typing import Any

import pytest
from django.test import Client
from pytest_django import DjangoAssertNumQueries

from tests.webapp.labeling.made import RUBRIC, given, labelers, overdue, project_of, submit
from webapp.accounts.models import Role, User
from webapp.labeling import answers
from webapp.labeling.choices import FlagReason, Mode, Reveal, SkipReason
from webapp.labeling.items import set_aside
from webapp.labeling.models import Annotation, LabelProject

pytestmark = pytest.mark.django_db

HOSTILE = "<script>alert(1)</script> [x](javascript:alert(1)) ![i](https://evil.example/i.png) **bold**"


def text(response: object) -> str:
    return response.content.decode()  # type: ignore[attr-defined, no-any-return]


def form(
    name: str = "Helpful answers", mode: str = "pairwise", *lines: tuple[str, ...], **values: Any
) -> dict[str, Any]:
    """What the browser sends; ``lines`` are (key, label, description, lowest, highest) of the rubric."""
    sent = {
        "name": name, "mode": mode, "instructions": "", "overlap": "2", "who": "everyone", "reservation_minutes": "15",
        "mirror_every": "0", "reveal": "never", "too_fast_seconds": "3",
        "rubric-TOTAL_FORMS": str(len(lines)), "rubric-INITIAL_FORMS": "0",
    }  # fmt: skip
    for number, line in enumerate(lines):
        fields = zip(("key", "label", "description", "lowest", "highest"), line, strict=True)
        sent |= {f"rubric-{number}-{field}": value for field, value in fields}
    return sent | values


# The list


def test_an_empty_list_says_what_projects_are_for(researcher_client: Client) -> None:
    page = text(researcher_client.get("/label/"))
    assert "Nothing to label yet" in page
    assert 'href="/label/new/"' in page


def test_the_list_tells_all_labels_and_ones_own(researcher_client: Client, researcher: User) -> None:
    project = project_of(3, overlap=2)
    for user in (researcher, *labelers(2)):
        submit(given(project, user))
    [row] = researcher_client.get("/label/").context["page"].rows
    assert (row.items, row.complete, row.labels, row.wanted, row.own) == (3, 1, 3, 6, 1)


def test_labels_beyond_those_wanted_do_not_make_up_for_missing_ones(researcher_client: Client) -> None:
    project = project_of(2, overlap=2)
    for user in labelers(2):
        submit(given(project, user))
    project.items.filter(number=1).update(wanted=1)
    [row] = researcher_client.get("/label/").context["page"].rows
    assert (row.complete, row.labels, row.wanted) == (1, 1, 3)


def test_labelers_see_the_projects_they_may_label_in_and_no_way_to_their_settings(client: Client) -> None:
    [mine, other] = labelers(2)
    project_of(1, labelers=[mine])
    project_of(1, labelers=[other])
    project_of(1)
    client.force_login(mine)
    page = client.get("/label/")
    assert [row.project.name for row in page.context["page"].rows] == ["Test 2", "Test 0"]
    assert re.findall(r'href="(/label/[^"]+)"', text(page)) == ["/label/test-2/desk/", "/label/test-0/desk/"]


def test_the_list_takes_as_many_queries_for_many_projects_as_for_one(
    researcher_client: Client, django_assert_max_num_queries: DjangoAssertNumQueries
) -> None:
    for _ in range(55):
        project_of(1)
    with django_assert_max_num_queries(7):
        page = researcher_client.get("/label/")
    assert len(page.context["page"].rows) == 50
    following = researcher_client.get("/label/", {"after": page.context["page"].next_cursor})
    assert len(following.context["page"].rows) == 5


# The form


def test_a_project_is_made_with_all_that_was_chosen(researcher_client: Client, researcher: User) -> None:
    [lea, _] = labelers(2)
    sent = form(
        "Clear & right", "rating", ("", "Clear steps", "one at a time", "1", "5"), ("", "", "", "1", "5"),
        ("", "Clear steps", "", "0", "2"), ("", "§1", "", "0", "1"),
        instructions="# Rules", overlap="3", who="chosen", labelers=[str(lea.pk)], reservation_minutes="30",
        mirror_every="10", reveal="after_submit", too_fast_seconds="1.5",
    )  # fmt: skip
    response = researcher_client.post("/label/new/", sent)
    assert response["Location"] == "/label/clear-right/"
    project = LabelProject.objects.get()
    assert (project.mode, project.overlap, project.reservation_minutes, project.mirror_every) == ("rating", 3, 30, 10)
    assert (project.reveal, project.too_fast_seconds, project.everyone) == (Reveal.AFTER_SUBMIT, 1.5, False)
    assert [*project.labelers.all()] == [lea]
    assert project.created_by == researcher
    told = [(each["key"], each["label"], each["lowest"], each["highest"]) for each in project.rubric]
    assert told == [("clear_steps", "Clear steps", 1, 5), ("clear_steps_2", "Clear steps", 0, 2), ("c_1", "§1", 0, 1)]


@pytest.mark.parametrize(
    ("sent", "said"),
    [
        (form(""), "This field is required"),
        (form("§§"), "needs a letter"),
        (form("New"), "a page has that address"),
        (form(mode="rating"), "A rating needs a rubric"),
        (form("x", "rating", ("", "", "what it means", "1", "5")), "Name the criterion"),
        (form("x", "rating", ("", "Clear", "", "5", "5")), "must be more than the fewest"),
        (form("x", "rating", ("<b>", "Clear", "", "1", "5")), "cannot be read"),
        (form(who="chosen"), "Choose at least one"),
        (form(mirror_every="1"), "second"),
        (form(overlap="0"), "greater than or equal to 1"),
        (form(mode="tasting"), "valid choice"),
        (form(instructions="x" * 20_001), "at most 20000"),
        ({}, "This field is required"),
    ],
)
def test_what_makes_no_sense_is_said_and_nothing_is_stored(
    researcher_client: Client, sent: dict[str, Any], said: str
) -> None:
    page = researcher_client.post("/label/new/", sent)
    assert page.status_code == 422
    assert said in text(page)
    assert not LabelProject.objects.exists()


def test_a_second_click_makes_no_second_project_but_another_form_with_its_name_is_refused(
    researcher_client: Client,
) -> None:
    assert researcher_client.post("/label/new/", form())["Location"] == "/label/helpful-answers/"
    assert researcher_client.post("/label/new/", form())["Location"] == "/label/helpful-answers/"
    page = researcher_client.post("/label/new/", form(mode="ranking"))
    assert page.status_code == 422
    assert "already" in text(page)
    assert LabelProject.objects.count() == 1


def test_a_rubric_is_left_out_where_the_mode_takes_none(researcher_client: Client) -> None:
    researcher_client.post("/label/new/", form("x", "ranking", ("", "Clear", "", "1", "5")))
    assert LabelProject.objects.get().rubric == []


def test_the_preview_shows_what_labelers_will_read(researcher_client: Client) -> None:
    shown = text(researcher_client.post("/label/preview/", {"instructions": HOSTILE}))
    assert "<strong>bold</strong>" in shown
    assert "<script" not in shown
    assert "src=" not in shown
    assert 'href="javascript' not in shown


def test_all_may_change_but_mode_and_scales_once_there_are_labels(researcher_client: Client) -> None:
    project = project_of(2, Mode.RATING, responses=1, rubric=RUBRIC)
    [user] = labelers(1)
    given(project, user)
    both = (("clear", "Clear", "", "1", "5"), ("right", "Right", "", "0", "1"))
    answer = researcher_client.post("/label/test-0/edit/", form("Renamed", "rating", *both, overlap="3"))
    assert answer["Location"] == "/label/test-0/"
    project.refresh_from_db()
    assert (project.name, project.slug, project.overlap) == ("Renamed", "test-0", 3)
    assert [item.free for item in project.items.all()] == [2, 3]
    held = given(project, user)
    rated = {held.handles[0]: {"clear": 3, "right": 1}}
    answers.submit(held, user, uuid.uuid4(), {"ratings": rated}, 9.0)
    for sent, said in [
        (form("Renamed", "ranking"), "mode stays"),
        (form("Renamed", "rating", both[0]), "can only be reworded"),
        (form("Renamed", "rating", ("clear", "Clear", "", "1", "7"), both[1]), "can only be reworded"),
    ]:
        page = researcher_client.post("/label/test-0/edit/", sent)
        assert page.status_code == 422
        assert said in text(page)
    reworded = form("Renamed", "rating", ("clear", "Lucid", "easy to follow", "1", "5"), both[1])
    assert researcher_client.post("/label/test-0/edit/", reworded).status_code == 302
    project.refresh_from_db()
    assert project.rubric[0]["label"] == "Lucid"


def test_the_mode_may_change_before_labels_where_the_items_fit(researcher_client: Client) -> None:
    project = project_of(1, Mode.RANKING, responses=3)
    [user] = labelers(1)
    answers.save_draft(given(project, user), user, {"ranks": {}})
    refused = researcher_client.post("/label/test-0/edit/", form("x", "pairwise"))
    assert "1 items do not fit: this mode takes 2 responses" in text(refused)
    assert researcher_client.post("/label/test-0/edit/", form("x", "tree_step")).status_code == 302
    project.refresh_from_db()
    assert project.mode == Mode.TREE_STEP
    assert not hasattr(given(project, user), "draft")


# The page of a project


def test_the_page_tells_items_labelers_flags_skips_and_reservations(researcher_client: Client) -> None:
    project = project_of(5, overlap=2, too_fast_seconds=10)
    lea, max_, _ = labelers(3)
    for user in (lea, max_):
        submit(given(project, user))
    submit(given(project, lea))
    skipped, flagged = given(project, max_), given(project, lea)
    answers.skip(skipped, max_, SkipReason.TOO_HARD, "<b>why</b>")
    answers.flag(flagged, lea, FlagReason.UNSAFE, "<script>x</script>")
    overdue(given(project, max_))
    set_aside(project.items.get(number=5), True)
    response = researcher_client.get("/label/test-0/")
    page = response.context["page"]
    counts = page.items
    assert (counts.total, counts.complete, counts.begun, counts.untouched, counts.aside) == (5, 1, 1, 2, 1)
    assert (counts.labels, counts.wanted, page.median_seconds) == (3, 8, 9.0)
    told = [
        (row.annotator.username, row.labels, row.skipped, row.flags, row.too_fast, row.median_seconds)
        for row in page.labelers
    ]
    assert told == [("labeler0", 2, 0, 1, 2, 9.0), ("labeler1", 1, 1, 0, 1, 9.0)]
    assert page.skips == [("Too hard for me", 1)]
    assert [each.annotator for each in page.reservations] == [lea]
    assert "&lt;script&gt;x" in text(response)
    assert "http://testserver/label/test-0/desk/" in text(response)


@pytest.mark.parametrize("method", ["reward_model", "dpo"])
def test_labels_lead_to_a_run_that_learns_from_them(researcher_client: Client, method: str) -> None:
    project = project_of(1)
    learning = re.compile(rf'href="(/runs/new/[^"]*{method}\.rankings\.project[^"]*)"')
    assert not learning.search(text(researcher_client.get("/label/test-0/"))), "nothing to learn from yet"
    submit(given(project, labelers(1)[0]))
    found = learning.search(text(researcher_client.get("/label/test-0/")))
    assert found is not None
    form = researcher_client.get(html.unescape(found[1])).context["form"]
    assert form["method.kind"].value() == method
    assert form[f"method.{method}.rankings.project.slug"].value() == project.slug


def test_the_page_takes_as_many_queries_whatever_happened(
    researcher_client: Client, django_assert_max_num_queries: DjangoAssertNumQueries
) -> None:
    project = project_of(12, overlap=9)
    for user in labelers(8):
        submit(given(project, user))
        answers.flag(given(project, user), user, FlagReason.INVALID)
    with django_assert_max_num_queries(16):
        assert researcher_client.get("/label/test-0/").context["page"].flag_count == 8


def test_viewers_read_it_and_are_offered_nothing(client: Client, viewer: User) -> None:
    project = project_of(1, instructions=HOSTILE)
    [user] = labelers(1)
    flagged = given(project, user)
    answers.flag(flagged, user, FlagReason.INVALID)
    client.force_login(viewer)
    page = text(client.get("/label/test-0/"))
    for shown in (page, text(client.get("/label/test-0/items/1/"))):
        assert (user.username in shown, f"annotator-{user.pk}" in shown) == (False, True), "viewers read pseudonyms"
    assert "<strong>bold</strong>" in page
    assert "<script>alert" not in page
    main = page[page.index("<main") :]
    assert "<form" not in main
    assert not re.findall(r'href="/label/test-0/(edit|delete|import|from-run|work)', main)


def test_a_closed_project_gives_out_nothing_until_it_is_open_again(researcher_client: Client, researcher: User) -> None:
    project_of(1)
    researcher_client.post("/label/test-0/open/", {"open": "0"})
    assert "Open again" in text(researcher_client.get("/label/test-0/"))
    assert 'href="/label/test-0/desk/"' not in text(researcher_client.get("/label/"))
    researcher_client.post("/label/test-0/open/", {"open": "1"})
    assert given(LabelProject.objects.get(), researcher)


def test_a_project_without_labels_is_deleted_at_a_click(researcher_client: Client) -> None:
    given(project_of(2), labelers(1)[0])
    page = text(researcher_client.get("/label/test-0/delete/"))
    assert "its 2 items" in page
    assert 'name="name"' not in page
    assert researcher_client.post("/label/test-0/delete/")["Location"] == "/label/"
    assert not LabelProject.objects.exists()


def test_labels_are_deleted_only_by_whoever_types_the_name(researcher_client: Client) -> None:
    project = project_of(2)
    submit(given(project, labelers(1)[0]))
    assert "2 items and 1 label that 1 person gave" in text(researcher_client.get("/label/test-0/delete/"))
    for typed in ("", "test 0", "Test"):
        refused = researcher_client.post("/label/test-0/delete/", {"name": typed})
        assert refused.status_code == 422
    assert Annotation.objects.count() == 1
    researcher_client.post("/label/test-0/delete/", {"name": " Test 0 "})
    assert not LabelProject.objects.exists()
    assert User.objects.filter(role=Role.LABELER).count() == 1
