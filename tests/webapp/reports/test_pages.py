"""The pages of reports: list, form, page, files; who may do what; hostile texts."""

import csv
import io
import json
import re

import pytest
from django.test import Client

from tests.webapp.reports.made import learned, made_report, two_arms
from webapp.accounts.models import Role, User
from webapp.reports.catalogue import shipped
from webapp.reports.models import Report, ReportRun
from webapp.runs.models import Run
from webapp.runs.services import delete_run
from webapp.runs.status import RunStatus

pytestmark = pytest.mark.django_db
FILES = ["report.html", "results.csv", "curves.csv", "report.md", "report.json", "definition.yaml"]
HOSTILE = "=cmd|'/c calc'!A0 <script>alert(1)</script> | `x`"


def text(client: Client, address: str, status: int = 200) -> str:
    answer = client.get(address)
    assert answer.status_code == status, answer.content.decode()[:2000]
    return answer.content.decode()


def test_the_list_offers_shipped_reports_and_says_how_to_make_one(researcher_client: Client) -> None:
    body = text(researcher_client, "/reports/")
    assert "No report has been made yet" in body
    for definition in shipped().values():
        assert definition.title in body
    assert "python manage.py report demo" in body


def test_the_list_costs_few_queries(researcher_client: Client, django_assert_max_num_queries: object) -> None:
    runs = two_arms((0,))
    for number in range(3):
        made_report(runs, f"Report {number}")
    with django_assert_max_num_queries(8):  # type: ignore[operator]
        assert "Report 2" in text(researcher_client, "/reports/")


def test_a_report_nobody_ran_says_what_launching_would_start(researcher_client: Client) -> None:
    body = text(researcher_client, "/reports/demo/")
    assert "Launch what is missing (3 runs)" in body
    assert "Nothing has run for this report yet" in body
    assert "Not known yet" in body


def test_a_viewer_may_look_but_not_launch_make_or_delete(client: Client, viewer: User) -> None:
    client.force_login(viewer)
    report = made_report(two_arms((0,)))
    assert "Launch" not in text(client, "/reports/demo/")
    assert client.get("/reports/new").status_code == 403
    for action in ("launch", "delete"):
        assert client.post(f"/reports/{report.slug}/{action}").status_code == 403
    assert Run.objects.count() == 2
    assert text(client, f"/reports/{report.slug}/report.md")


def test_runs_become_a_report_with_arms_guessed_from_their_names(researcher_client: Client) -> None:
    runs = two_arms()
    numbers = ",".join(str(run.pk) for run in runs)
    form = text(researcher_client, f"/reports/new?runs={numbers}")
    assert form.count('value="GRPO"') >= 3
    given = {"runs": [run.pk for run in runs], "title": "Does it pay?", "question": "Well?", "baseline": "GRPO"}
    given |= {f"arm-{run.pk}": run.name.split(",")[0] for run in runs} | {f"with-{run.pk}": "1" for run in runs}
    answer = researcher_client.post("/reports/new", given)
    assert answer.headers["Location"] == "/reports/does-it-pay/"
    body = text(researcher_client, "/reports/does-it-pay/")
    assert "All 6 runs are done." in body
    assert "optimisation.learning_rate" in body
    assert "Launch what is missing" not in body


def test_a_form_that_makes_no_report_keeps_what_was_typed(researcher_client: Client) -> None:
    runs = [learned("one", 0), learned("two", 0)]
    given = {"runs": [run.pk for run in runs], "title": "Typed title"}
    given |= {f"arm-{run.pk}": "same" for run in runs} | {f"with-{run.pk}": "1" for run in runs}
    answer = researcher_client.post("/reports/new", given)
    assert answer.status_code == 400
    body = answer.content.decode()
    assert "both have seed 0 in the arm same" in body
    assert 'value="Typed title"' in body
    assert not Report.objects.exists()
    assert "Tick some in the list" in text(researcher_client, "/reports/new")
    assert researcher_client.get("/reports/new?runs=abc").status_code == 400


def test_a_page_costs_the_same_queries_however_many_runs_it_has(
    researcher_client: Client, django_assert_max_num_queries: object
) -> None:
    report = made_report(two_arms())
    with django_assert_max_num_queries(12):  # type: ignore[operator]
        text(researcher_client, f"/reports/{report.slug}/")


def test_the_axis_stands_in_the_address(researcher_client: Client) -> None:
    report = made_report(two_arms())
    for axis, last in (("step", 100), ("tokens", 100_000), ("time", 200)):
        body = researcher_client.get(f"/reports/{report.slug}/live?x={axis}").json()
        mean = body["charts"][0]["arms"][0]["mean"]
        assert (body["axis"], mean["xs"][-1], mean["n"]) == (axis, last, 3)
    assert researcher_client.get(f"/reports/{report.slug}/live?x=nonsense").json()["axis"] == "step"


def test_following_sends_only_what_changed(researcher_client: Client) -> None:
    runs = two_arms()
    Run.objects.filter(pk=runs[0].pk).update(status=RunStatus.RUNNING)
    report = made_report(runs)
    address = f"/reports/{report.slug}/live"
    first = researcher_client.get(address).json()
    assert first["moving"]
    same = researcher_client.get(f"{address}?have={first['digest']}").json()
    assert "charts" not in same
    Run.objects.filter(pk=runs[0].pk).update(status=RunStatus.SUCCEEDED)
    changed = researcher_client.get(f"{address}?have={first['digest']}").json()
    assert not changed["moving"]
    assert "All 6 runs are done" in changed["parts"]["state"]


def test_one_seed_shows_no_interval_and_says_why(researcher_client: Client) -> None:
    report = made_report(two_arms((0,)))
    body = text(researcher_client, f"/reports/{report.slug}/")
    assert "One seed: no interval" in body
    assert ", 95 % interval" not in re.sub(r"(?s)<details class=.method.*?</details>|<nav.*?</nav>", "", body)


def test_launching_starts_each_missing_run_once(researcher_client: Client) -> None:
    researcher_client.post("/reports/demo/launch")
    researcher_client.post("/reports/demo/launch")
    assert Run.objects.count() == 3
    assert sorted(run.config["seed"] for run in Run.objects.all()) == [0, 1, 2]
    assert {run.group for run in Run.objects.all()} == {"demo demo"}
    body = text(researcher_client, "/reports/demo/")
    assert "3 on the way" in body
    assert "data-moving" in body


@pytest.mark.parametrize("name", FILES)
def test_a_report_can_be_had_as_a_file(researcher_client: Client, name: str) -> None:
    report = made_report(two_arms())
    answer = researcher_client.get(f"/reports/{report.slug}/{name}")
    assert answer.status_code == 200
    assert f'filename="{report.slug}-{name}"' in answer.headers["Content-Disposition"]
    assert researcher_client.get("/reports/demo/" + name).status_code == 200  # of nothing, too


def test_curves_are_long_lines_of_every_point(researcher_client: Client) -> None:
    report = made_report(two_arms((0, 1)))
    body = text(researcher_client, f"/reports/{report.slug}/curves.csv")
    rows = list(csv.DictReader(io.StringIO(body)))
    scores = [
        row for row in rows if row["metric"] == "heldout/pass_at_1" and row["arm"] == "grpo" and row["seed"] == "1"
    ]
    assert len(scores) == 21
    assert (scores[-1]["step"], scores[-1]["tokens"], scores[-1]["seconds"]) == ("100", "100000", "200")
    assert scores[0]["tokens"] == "0"


def test_results_have_bare_numbers(researcher_client: Client) -> None:
    report = made_report(two_arms())
    rows = list(csv.DictReader(io.StringIO(text(researcher_client, f"/reports/{report.slug}/results.csv"))))
    assert [row["arm"] for row in rows] == ["grpo", "search"]
    assert float(rows[1]["plateau_mean"]) == pytest.approx(0.7, abs=0.02)
    assert float(rows[1]["tokens_ratio"]) < 0.5
    assert rows[0]["seeds"] == "3"


def test_the_html_file_needs_nothing_else(researcher_client: Client) -> None:
    report = made_report(two_arms())
    body = text(researcher_client, f"/reports/{report.slug}/report.html")
    assert body.count('<svg viewBox="0 0 480') == 6
    assert not re.findall(r"<script|<link|https?://|url\(|@import|src=", body)
    assert "prefers-color-scheme: dark" in body


def test_hostile_words_stay_words_everywhere(researcher_client: Client) -> None:
    runs = two_arms((0,))
    report = made_report(runs, HOSTILE)
    Report.objects.filter(pk=report.pk).update(
        definition=report.definition | {"arms": [arm | {"title": HOSTILE[:80]} for arm in report.definition["arms"]]}
    )
    for name in ("", "report.html"):
        assert "<script>alert" not in text(researcher_client, f"/reports/{report.slug}/{name}")
    assert "<script>alert" not in text(researcher_client, "/reports/")
    results = text(researcher_client, f"/reports/{report.slug}/results.csv")
    assert next(csv.DictReader(io.StringIO(results)))["title"].startswith("'=cmd")
    markdown = text(researcher_client, f"/reports/{report.slug}/report.md")
    assert "<script>" not in markdown
    assert "\\| \\`x\\`" in markdown
    json.loads(text(researcher_client, f"/reports/{report.slug}/report.json"))


def test_only_its_owner_or_an_admin_deletes_a_report_and_runs_stay(client: Client, admin: User) -> None:
    report = made_report(two_arms((0,)))
    other = User.objects.create_user("oscar", password="correct horse battery", role=Role.RESEARCHER)
    client.force_login(other)
    assert client.post(f"/reports/{report.slug}/delete").status_code == 403
    client.force_login(admin)
    assert client.post("/reports/demo/delete").status_code == 400
    assert client.post(f"/reports/{report.slug}/delete").status_code == 302
    assert not Report.objects.exists()
    assert Run.objects.count() == 2


def test_a_deleted_run_is_missing_afterwards(researcher_client: Client) -> None:
    runs = two_arms((0, 1))
    report = made_report(runs)
    delete_run(runs[0])
    assert ReportRun.objects.filter(report=report).count() == 3
    body = text(researcher_client, f"/reports/{report.slug}/")
    assert "3 of 4 runs done; 1 missing" in body
    assert "Launch what is missing (1 run)" in body


@pytest.mark.parametrize("address", ["/reports/nothing/", "/reports/nothing/live", "/reports/demo/secrets.txt"])
def test_what_is_not_there_is_not_found(researcher_client: Client, address: str) -> None:
    assert researcher_client.get(address).status_code == 404


def test_a_definition_of_another_version_is_said_to_be_one(researcher_client: Client) -> None:
    Report.objects.create(slug="old", title="Old", definition={"name": "old"})
    assert "cannot be read" in text(researcher_client, "/reports/old/", 400)
