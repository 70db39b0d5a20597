"""The list of runs: narrowed, sorted, grouped, paged, kept under a name."""

import statistics

import pytest
from django.test import Client
from django.urls import reverse

from tests.webapp.runs.pages.made import add_figures, make_run
from webapp.accounts.models import User
from webapp.runs.models import Run, SavedView
from webapp.runs.status import RunStatus

pytestmark = pytest.mark.django_db


def shown(client: Client, query: str = "") -> list[str]:
    """Names in the list, in order."""
    page = client.get(f"{reverse('runs:list')}?{query}").context
    return [row.run.name for row in page.get("rows", [])]


@pytest.fixture
def four(researcher: User) -> list[Run]:
    runs = [
        make_run(RunStatus.SUCCEEDED, name="cedar", group="trees", created_by=researcher),
        make_run(RunStatus.FAILED, name="apple", method="sft", problems="GSM8K"),
        make_run(RunStatus.RUNNING, name="birch", group="trees"),
        make_run(RunStatus.QUEUED, name="daisy", notes="a flower"),
    ]
    for run, score in zip(runs, (0.25, 0.75, 0.5, None), strict=True):
        if score is not None:
            add_figures(run, {"heldout/pass_at_1": [0.9, score]})
    return runs


def test_the_newest_run_comes_first(researcher_client: Client, four: list[Run]) -> None:
    assert shown(researcher_client) == ["daisy", "birch", "apple", "cedar"]


@pytest.mark.parametrize(
    ("query", "names"),
    [
        ("status=failed&status=running", ["birch", "apple"]),
        ("method=sft", ["apple"]),
        ("problems=GSM8K", ["apple"]),
        ("q=FLOWER", ["daisy"]),
        ("q=trees", ["birch", "cedar"]),
        ("group=trees&status=succeeded", ["cedar"]),
        ("mine=true", ["cedar"]),
        ("status=nonsense&q=zzz", []),
    ],
)
def test_filters_narrow_the_list(researcher_client: Client, four: list[Run], query: str, names: list[str]) -> None:
    assert shown(researcher_client, query) == names


def test_a_run_is_found_by_its_number(researcher_client: Client, four: list[Run]) -> None:
    assert shown(researcher_client, f"q={four[1].pk}") == ["apple"]


@pytest.mark.parametrize(
    ("sort", "names"),
    [
        ("name", ["apple", "birch", "cedar", "daisy"]),
        ("-name", ["daisy", "cedar", "birch", "apple"]),
        ("-score", ["apple", "birch", "cedar", "daisy"]),
        ("score", ["cedar", "birch", "apple", "daisy"]),
        ("drop table", ["daisy", "birch", "apple", "cedar"]),
    ],
)
def test_runs_without_the_figure_come_last_both_ways(
    researcher_client: Client, four: list[Run], sort: str, names: list[str]
) -> None:
    assert shown(researcher_client, f"sort={sort}") == names


def test_a_row_shows_the_latest_and_the_best_score_and_its_curve(researcher_client: Client, four: list[Run]) -> None:
    page = researcher_client.get(reverse("runs:list"))
    row = next(row for row in page.context["rows"] if row.run.name == "apple")
    assert (row.run.score, row.best) == (0.75, 0.9)
    assert row.curve == ("heldout/pass_at_1", "M2.0 2.0L94.0 18.0")


def test_groups_show_mean_deviation_and_number(researcher_client: Client, four: list[Run]) -> None:
    groups = researcher_client.get(f"{reverse('runs:list')}?by=group").context["groups"]
    trees = next(row for row in groups if row["value"] == "trees")
    assert (trees["runs"], trees["active"], trees["scored"]) == (2, 1, 2)
    assert trees["mean"] == pytest.approx(0.375)
    assert trees["sd"] == pytest.approx(statistics.stdev([0.25, 0.5]))
    none = next(row for row in groups if row["value"] == "")
    assert (none["scored"], none["mean"], none["sd"]) == (1, 0.75, None)


def test_archived_runs_leave_the_list_and_come_back(researcher_client: Client, four: list[Run]) -> None:
    ticked = {"runs": [four[0].pk, four[1].pk], "archived": "true"}
    researcher_client.post(reverse("runs:archive"), ticked)
    assert shown(researcher_client) == ["daisy", "birch"]
    assert shown(researcher_client, "archived=true") == ["apple", "cedar"]
    researcher_client.post(reverse("runs:archive"), ticked | {"archived": "false"})
    assert len(shown(researcher_client)) == 4


@pytest.mark.parametrize("elsewhere", ["https://elsewhere.example/", "//elsewhere.example/", "javascript:alert(1)"])
def test_archiving_does_not_send_one_to_another_site(
    researcher_client: Client, four: list[Run], elsewhere: str
) -> None:
    posted = {"runs": [four[0].pk], "next": elsewhere}
    assert researcher_client.post(reverse("runs:archive"), posted)["Location"] == reverse("runs:list")


def test_pages_hold_fifty_runs_each_once(researcher_client: Client) -> None:
    for index in range(53):
        make_run(name=f"run {index}")
    names = shown(researcher_client, "page=1") + shown(researcher_client, "page=2")
    assert names == [f"run {index}" for index in reversed(range(53))]


def test_rows_that_move_are_sent_alone(researcher_client: Client, four: list[Run]) -> None:
    page = researcher_client.get(reverse("runs:list")).content.decode()
    assert f'data-moving="{four[2].pk}"' in page
    assert f'data-moving="{four[0].pk}"' not in page
    rows = researcher_client.get(reverse("runs:rows"), {"ids": f"{four[2].pk},{four[0].pk},999999"}).json()["rows"]
    assert set(rows) == {str(four[0].pk), str(four[2].pk)}
    assert rows[str(four[2].pk)].lstrip().startswith(f'<tr id="run-{four[2].pk}" data-moving')


def test_a_view_keeps_the_address_and_belongs_to_its_owner(researcher_client: Client, viewer: User) -> None:
    saved = {"page": "list", "name": "failures", "query": "status=failed&sort=-score&page=3"}
    address = f"{reverse('runs:list')}?status=failed&sort=-score"
    assert researcher_client.post(reverse("runs:view_save"), saved)["Location"] == address
    researcher_client.post(reverse("runs:view_save"), saved | {"query": "status=lost"})
    (view,) = SavedView.objects.all()
    assert view.query == "status=lost"
    assert "?status=lost" in researcher_client.get(reverse("runs:list")).content.decode()
    other = Client()
    other.force_login(viewer)
    assert "failures" not in other.get(reverse("runs:list")).content.decode()
    assert other.post(reverse("runs:view_delete", args=[view.pk])).status_code == 404
    researcher_client.post(reverse("runs:view_delete", args=[view.pk]))
    assert not SavedView.objects.exists()


def test_an_empty_list_offers_the_demo_run_and_starts_it(researcher_client: Client, viewer: User) -> None:
    assert "Start the demo run" in researcher_client.get(reverse("runs:list")).content.decode()
    other = Client()
    other.force_login(viewer)
    assert "Start the demo run" not in other.get(reverse("runs:list")).content.decode()
    response = researcher_client.post(reverse("runs:demo"))
    run = Run.objects.get()
    assert response["Location"] == reverse("runs:detail", args=[run.pk])
    assert run.queued_at is not None
