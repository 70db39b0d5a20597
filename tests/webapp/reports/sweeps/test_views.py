"""What the dialog is answered, and the forms that add seeds, stop and repeat."""

import re
from typing import Any
from unittest.mock import patch

import pytest
from django.test import Client

from tests.webapp.reports.made import made_report, two_arms
from tests.webapp.runs.configure.pages import posted
from tests.webapp.runs.pages.made import make_run
from training.config.presets import DEMO
from webapp.accounts.models import User
from webapp.core.errors import UserError
from webapp.reports.models import Report
from webapp.runs.models import Run
from webapp.runs.status import RunStatus

pytestmark = pytest.mark.django_db
PLAN, START = "/reports/sweep/plan", "/reports/sweep/start"
RATES = {"sweep-knob_1": "optimisation.learning_rate", "sweep-values_1": "1e-4, 3e-4"}


def asked(**changes: str) -> dict[str, Any]:
    return posted(DEMO.config) | {"sweep-seeds": "0-1"} | changes


def hidden(html: str) -> dict[str, str]:
    return dict(re.findall(r'<input type="hidden" name="([^"]+)" value="([^"]*)"', html))


def text(client: Client, address: str, data: dict[str, Any], status: int = 200) -> str:
    answer = client.post(address, data)
    assert answer.status_code == status
    return str(answer.content.decode())


def test_the_page_offers_it_beside_the_run(researcher_client: Client) -> None:
    page = researcher_client.get("/runs/new/").content.decode()
    assert "Several runs…" in page
    assert '<option value="optimisation.learning_rate">Learning rate</option>' in page
    assert '<option value="seed">' not in page


def test_the_plan_counts_runs_and_says_what_the_form_has(researcher_client: Client) -> None:
    html = text(researcher_client, PLAN, asked(**RATES))
    assert "2 settings × 2 seeds = 4 runs" in html
    assert "Start 4 runs" in html
    assert f"(the form says {DEMO.config.optimisation.learning_rate:g})" in html
    assert "how long they take is not known" in html
    make_run(config=DEMO.config, step=DEMO.config.steps, attempt=1)
    assert "one after another about 3 h 20 m, by the pace of" in text(researcher_client, PLAN, asked(**RATES))
    assert not Report.objects.exists()


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"sweep-seeds": "x"}, "Seeds are whole numbers"),
        ({"sweep-knob_1": "optimisation.learing_rate", "sweep-values_1": "1"}, "Did you mean"),
        ({"steps": "0"}, "Mend what the run preview names first"),
        ({"sweep-knob_1": "steps", "sweep-values_1": ",".join(map(str, range(1, 40)))}, "64 at once is the most"),
        ({"sweep-seeds": "0" * 500}, "at most 400 characters"),
    ],
)
def test_what_cannot_be_started_says_why_and_offers_no_start(
    researcher_client: Client, changes: dict[str, str], said: str
) -> None:
    for address in (PLAN, START):
        html = text(researcher_client, address, asked(**changes))
        assert said in html
        assert re.search(r'type="submit" id="sweep-start" class="primary" disabled', html)
    assert not Run.objects.exists()


def test_a_title_is_shown_as_text(researcher_client: Client) -> None:
    html = text(researcher_client, PLAN, asked(**{"sweep-knob_1": "<script>alert(1)</script>", "sweep-values_1": "1"}))
    assert "<script>" not in html


def test_starting_leads_to_the_report_and_a_second_click_to_the_same(researcher_client: Client) -> None:
    given = asked(**RATES, **{"sweep-title": "Rates"})
    given |= hidden(text(researcher_client, PLAN, given))
    for _ in range(2):
        answer = researcher_client.post(START, given)
        assert answer.headers["HX-Redirect"] == "/reports/rates/"
    assert (Report.objects.count(), Run.objects.count()) == (1, 4)
    page = researcher_client.get("/reports/rates/").content.decode()
    assert "0 of 4 runs done; 4 on the way" in page
    assert "0 of 2, 2 on their way" in page
    assert "Stop all…" in page
    assert researcher_client.get("/reports/rates/live").json()["parts"]["grid"]
    other = given | {"sweep-values_1": "1e-4, 5e-4"}
    other |= {"sweep-agreed": hidden(text(researcher_client, PLAN, other))["sweep-agreed"]}
    html = text(researcher_client, START, other)
    assert "already started Rates" in html
    assert researcher_client.post(START, other | hidden(html)).headers["HX-Redirect"] == "/reports/rates-2/"
    assert Run.objects.count() == 8


def test_what_was_not_seen_is_not_started(researcher_client: Client) -> None:
    given = asked(**RATES)
    html = text(researcher_client, START, given | hidden(text(researcher_client, PLAN, given)) | {"sweep-seeds": "0-9"})
    assert "This is what would start now" in html
    assert "Start 20 runs" in html
    assert not Run.objects.exists()


def test_impossible_combinations_are_left_out_by_choice(researcher_client: Client) -> None:
    given = asked(**RATES) | {"sweep-values_1": "1e-4, -1"}
    html = text(researcher_client, PLAN, given)
    assert "1 combination cannot be run." in html
    assert "Learning rate: it must be greater than 0." in html
    assert re.search(r'type="submit" id="sweep-start" class="primary" disabled', html)
    assert "Some combinations cannot be run" in text(researcher_client, START, given | hidden(html))
    given |= {"sweep-leave_out": "on"}
    html = text(researcher_client, PLAN, given)
    assert "Start 2 runs" in html
    assert "HX-Redirect" in researcher_client.post(START, given | hidden(html)).headers
    assert Run.objects.count() == 2


@pytest.mark.django_db(transaction=True)
def test_a_broker_that_is_away_leaves_everything_queued(researcher_client: Client) -> None:
    given = asked(**RATES, **{"sweep-title": "Rates"})
    given |= hidden(text(researcher_client, PLAN, given))
    with patch("workers.queue._send", side_effect=UserError("The broker does not answer.", status=503)):
        assert researcher_client.post(START, given).headers["HX-Redirect"] == "/reports/rates/"
    assert "The broker does not answer." in researcher_client.get("/reports/rates/").content.decode()
    assert set(Run.objects.values_list("status", flat=True)) == {"queued"}
    assert not Run.objects.filter(queued_at=None).exists()


def test_a_report_stops_goes_on_and_gets_more_seeds(researcher_client: Client) -> None:
    given = asked(**RATES, **{"sweep-title": "Rates"})
    researcher_client.post(START, given | hidden(text(researcher_client, PLAN, given)))
    said = researcher_client.post("/reports/rates/stop", {"how": "save"}, follow=True).content.decode()
    assert "4 runs asked to stop" in said
    assert "Resume all (4 runs)" in said
    assert "Stop all…" not in said
    assert "4 go on" in researcher_client.post("/reports/rates/launch", follow=True).content.decode()
    said = researcher_client.post("/reports/rates/seeds", {"seeds": "2"}, follow=True).content.decode()
    assert "2 runs are queued" in said
    answer = researcher_client.post("/reports/rates/seeds", {"seeds": "two"})
    assert answer.status_code == 400
    assert "Seeds are whole numbers" in answer.content.decode()


def test_a_run_is_repeated_from_its_page(researcher_client: Client) -> None:
    runs = two_arms((0,))
    report = made_report(runs)
    address = f"/reports/sweep/repeat/{runs[0].pk}"
    assert address in researcher_client.get(f"/runs/{runs[0].pk}/").content.decode()
    form = researcher_client.get(address).content.decode()
    assert report.title in form
    refused = researcher_client.post(address, {"seeds": "0", "report": report.slug})
    assert (refused.status_code, "have runs already" in refused.content.decode()) == (400, True)
    assert researcher_client.post(address, {"seeds": "1", "report": "gone"}).status_code == 400
    answer = researcher_client.post(address, {"seeds": "0-2", "report": report.slug})
    assert answer.headers["Location"] == f"/reports/{report.slug}/"
    new = Run.objects.filter(status=RunStatus.QUEUED)
    assert sorted(run.config["seed"] for run in new) == [1, 2]
    assert (
        researcher_client.post(address, {"seeds": "5", "report": ""}).headers["Location"] == "/reports/grpo-over-seeds/"
    )


def test_viewers_are_offered_none_of_it(client: Client, viewer: User) -> None:
    client.force_login(viewer)
    runs = two_arms((0,))
    report = made_report(runs)
    page = client.get(f"/reports/{report.slug}/").content.decode()
    assert "More seeds" not in page
    assert "Other seeds" not in client.get(f"/runs/{runs[0].pk}/").content.decode()
