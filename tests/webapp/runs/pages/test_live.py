"""A live page is sent what it does not have: never less, and nothing twice that it need not see again."""

from typing import Any

import pytest
from django.test import Client
from django.urls import reverse

from tests.webapp.runs.pages.made import add_figures, make_run
from training.events import Started
from webapp.runs.models import Alert, Run
from webapp.runs.status import RunStatus
from workers.ingest.store import _restart

pytestmark = pytest.mark.django_db
NAMES = "reward/mean,heldout/pass_at_1"


def ask(client: Client, run: Run, **query: Any) -> dict[str, Any]:
    response = client.get(reverse("runs:live", args=[run.pk]), {"names": NAMES, "level": 0} | query)
    assert response.status_code == 200
    return dict(response.json())


def first_look(client: Client, run: Run) -> dict[str, Any]:
    return dict(client.get(reverse("runs:curves"), {"runs": run.pk, "names": NAMES}).json())


def rewind(run: Run, step: int) -> None:
    """What the ingester does when a resumed trainer says where it goes on."""
    run.refresh_from_db()
    _restart(run, Started(step=step, attempt=2, total_steps=100, resumed_step=step))
    run.save()


def test_only_points_from_the_cursor_on_are_sent(researcher_client: Client) -> None:
    run = make_run(RunStatus.RUNNING)
    add_figures(run, {"reward/mean": [0.1, 0.2, 0.3]})
    cursor = first_look(researcher_client, run)["cursor"]
    add_figures(run, {"reward/mean": [0.4, 0.5]}, first=4)
    body = ask(researcher_client, run, cursor=cursor)
    assert body["curves"]["reward/mean"] == {"steps": [3, 4, 5], "values": [0.3, 0.4, 0.5]}
    assert ask(researcher_client, run, cursor=body["cursor"])["curves"]["reward/mean"]["steps"] == [5]


def test_held_out_figures_that_come_after_their_step_are_not_missed(researcher_client: Client) -> None:
    run = make_run(RunStatus.RUNNING)
    add_figures(run, {"reward/mean": [0.1]}, first=10)
    cursor = first_look(researcher_client, run)["cursor"]
    add_figures(run, {"heldout/pass_at_1": [0.25]}, first=10)
    body = ask(researcher_client, run, cursor=cursor)
    assert body["curves"]["heldout/pass_at_1"] == {"steps": [10], "values": [0.25]}


def test_after_a_resume_the_page_is_told_to_read_anew_even_if_the_run_is_further_again(
    researcher_client: Client,
) -> None:
    run = make_run(RunStatus.RUNNING)
    add_figures(run, {"reward/mean": [0.1] * 60})
    cursor = first_look(researcher_client, run)["cursor"]
    rewind(run, 40)
    add_figures(run, {"reward/mean": [0.9] * 40}, first=41)
    body = ask(researcher_client, run, cursor=cursor)
    assert body["stale"] is True
    assert "curves" not in body
    again = first_look(researcher_client, run)
    assert again["curves"][str(run.pk)]["reward/mean"]["values"] == [0.1] * 40 + [0.9] * 40
    assert "stale" not in ask(researcher_client, run, cursor=again["cursor"])


def test_a_run_that_outgrew_the_resolution_is_read_anew(researcher_client: Client) -> None:
    run = make_run(RunStatus.RUNNING)
    add_figures(run, {"reward/mean": [0.5] * 90})
    query = {"cursor": f"{run.rewinds}.90", "points": 64}
    assert ask(researcher_client, run, **query)["stale"] is True
    body = ask(researcher_client, run, **query, level=4)
    assert body["curves"]["reward/mean"]["steps"] == [90]  # the bin that reaches from 80 to 95


@pytest.mark.parametrize("cursor", ["", "1", "x.y", "-1.5", "0.1.2"])
def test_a_damaged_cursor_makes_the_page_read_anew(researcher_client: Client, cursor: str) -> None:
    run = make_run(RunStatus.RUNNING)
    assert ask(researcher_client, run, cursor=cursor)["stale"] is True


def test_parts_of_the_page_come_only_when_they_changed(researcher_client: Client) -> None:
    run = make_run(RunStatus.SUCCEEDED)
    parts = ask(researcher_client, run)["parts"]
    assert {"header", "actions", "notices", "stopping", "resuming"} == set(parts)
    have = ",".join(part["digest"] for part in parts.values())
    assert ask(researcher_client, run, have=have)["parts"] == {}
    Run.objects.filter(pk=run.pk).update(status=RunStatus.FAILED, error="out of memory")
    changed = ask(researcher_client, run, have=have)["parts"]
    assert "out of memory" in changed["notices"]["html"]
    assert "Resume from the start" in changed["actions"]["html"]


def test_the_last_answer_says_that_the_run_has_ended_and_brings_its_last_points(researcher_client: Client) -> None:
    run = make_run(RunStatus.RUNNING)
    add_figures(run, {"reward/mean": [0.1]})
    cursor = first_look(researcher_client, run)["cursor"]
    assert ask(researcher_client, run, cursor=cursor)["terminal"] is False
    add_figures(run, {"reward/mean": [0.2]}, first=2)
    Run.objects.filter(pk=run.pk).update(status=RunStatus.SUCCEEDED)
    body = ask(researcher_client, run, cursor=cursor)
    assert body["terminal"] is True
    assert body["curves"]["reward/mean"]["steps"] == [1, 2]


def test_new_metrics_and_alerts_change_the_version_of_the_charts(researcher_client: Client) -> None:
    run = make_run(RunStatus.RUNNING)
    add_figures(run, {"reward/mean": [0.1]})
    page = researcher_client.get(reverse("runs:detail", args=[run.pk])).content.decode()
    version = ask(researcher_client, run)["version"]
    assert f'data-version="{version}"' in page
    Alert.objects.create(run=run, step=1, code="x", severity="info", message="m", advice="a", at=run.created_at)
    add_figures(run, {"policy/kl": [0.1]})
    assert ask(researcher_client, run)["version"] not in (version, "")


def test_time_and_tokens_come_whole_as_axes(researcher_client: Client) -> None:
    run = make_run(RunStatus.RUNNING)
    add_figures(run, {"reward/mean": [0.1, 0.2], "tokens/total": [70.0, 150.0], "time/step_s": [2.0, 3.0]})
    body = ask(researcher_client, run, cursor=f"{run.rewinds}.2", x="tokens")
    assert body["axis"] == {str(run.pk): {"steps": [1, 2], "values": [70.0, 150.0]}}
    answer = researcher_client.get(reverse("runs:curves"), {"runs": run.pk, "names": "reward/mean", "x": "time"}).json()
    assert answer["axis"] == {str(run.pk): {"steps": [1, 2], "values": [2.0, 5.0]}}


def test_a_request_for_very_many_curves_gets_them_coarser(researcher_client: Client) -> None:
    runs = [make_run() for _ in range(2)]
    names = [f"m/{index}" for index in range(40)]
    for run in runs:
        add_figures(run, {name: [1.0] * 500 for name in names})
    query = {"runs": ",".join(str(run.pk) for run in runs), "points": 2000}
    body = researcher_client.get(reverse("runs:curves"), query | {"names": ",".join(names)}).json()
    points = sum(len(curve["steps"]) for curves in body["curves"].values() for curve in curves.values())
    assert (body["level"], points) == (4, 2 * 40 * 32)
    assert researcher_client.get(reverse("runs:curves"), query | {"names": "m/1"}).json()["level"] == 0


@pytest.mark.parametrize(
    ("query", "status"),
    [
        ("runs=1&names=%00,a,", 200), ("runs=&names=", 200), ("runs=999999999999&names=a", 200),
        ("runs=1&names=a&points=0", 200), ("runs=1&names=a&from=9&to=2", 200), ("runs=1&names=a&x=moon", 200),
        ("runs=x", 400), ("runs=1&names=a&from=-1", 400), ("runs=1&names=a&points=99999999999999", 400),
    ],
)  # fmt: skip
def test_odd_requests_are_answered_and_never_crash(researcher_client: Client, query: str, status: int) -> None:
    add_figures(make_run(), {"a": [1.0]})
    assert researcher_client.get(f"{reverse('runs:curves')}?{query}").status_code == status


def test_runs_of_a_group_have_a_mean_curve(researcher_client: Client) -> None:
    runs = [make_run(group="seeds") for _ in range(3)] + [make_run(group="alone")]
    for run, value in zip(runs, (1.0, 2.0, 6.0, 9.0), strict=True):
        add_figures(run, {"reward/mean": [value]})
    query = {"runs": ",".join(str(run.pk) for run in runs), "names": "reward/mean", "mean": 1}
    curves = researcher_client.get(reverse("runs:curves"), query).json()["curves"]
    assert set(curves) == {*(str(run.pk) for run in runs), "group:seeds"}
    mean = curves["group:seeds"]["reward/mean"]
    assert mean["values"] == [3.0]
    assert (mean["low"][0], mean["high"][0]) == pytest.approx((3.0 - 7**0.5, 3.0 + 7**0.5))
