"""The page that tells how well a run predicts labels it never saw."""

from typing import Any

import pytest
from django.test import Client
from django.urls import reverse

from tests.webapp.labeling.made import project_of
from tests.webapp.runs.pages.made import make_run
from training.config import DpoMethod, RewardModelMethod, RunConfig
from webapp.labeling.models import PreferenceReport, RankingsUsed
from webapp.labeling.preference_page import read_preferences
from webapp.runs.models import Run
from webapp.runs.status import RunStatus

pytestmark = pytest.mark.django_db


def wrong_pair(**changes: Any) -> dict[str, Any]:
    pair = {"project": "", "item": None, "annotator": "annotator-1", "chosen": 1, "rejected": 0, "difference": -0.5}
    return pair | {"prompt": "<b>2+2</b>", "chosen_text": "4", "rejected_text": "<script>5</script>"} | changes


def report(**changes: Any) -> dict[str, Any]:
    """As the event has it."""
    return {
        "heads": 1, "loss": 0.61, "pairs": 40, "right": 30, "ties": 4,
        "annotators": [{"annotator": "annotator-1", "pairs": 30, "right": 24},
                       {"annotator": "annotator-2", "pairs": 10, "right": 6}],
        "lengths": [{"low": -0.05, "high": 0.05, "pairs": 20, "right": 12}, {"low": 0.5, "high": 1.0, "pairs": 20,
                     "right": 18}, {"low": -1.0, "high": -0.5, "pairs": 0, "right": 0}],
        "calibration": [{"low": 0.5, "high": 0.6, "pairs": 10, "right": 5, "confidence": 0.55},
                        {"low": 0.9, "high": 1.0, "pairs": 30, "right": 25, "confidence": 0.95}],
        "agreement": {"pairs": 20, "right": 16}, "wrong": [wrong_pair()],
    } | changes  # fmt: skip


def run_with(*steps: int, method: Any = None, status: RunStatus = RunStatus.SUCCEEDED, **changes: Any) -> Run:
    run = make_run(status, config=RunConfig(method=method or RewardModelMethod()))
    RankingsUsed.objects.create(
        run=run, labels=90, digest="ab" * 32, repeats=1, train_items=60, heldout_items=20, too_long=2, undecided=3
    )
    for step in steps:
        PreferenceReport.objects.create(run=run, step=step, report=report(**changes))
    return run


def page(client: Client, run: Run, query: str = "") -> str:
    response = client.get(reverse("preferences:run", args=[run.pk]) + query)
    assert response.status_code == 200
    return response.content.decode()


def test_figures_come_with_their_intervals_and_counts(researcher_client: Client) -> None:
    text = page(researcher_client, run_with(0, 20))
    for said in ("<strong>75.0 %</strong>", "30 of 40", "4 ties beside", "agree on 80.0 %", "annotator-2",
                 "chosen longer by 50% to 100%", "about as long", "step 20", "90, of which",
                 "abababababab"):  # fmt: skip
        assert said in text, said
    assert "chosen shorter" not in text, "nothing is there to tell"
    assert "&lt;script&gt;5" in text
    assert "<script>5" not in text


def test_intervals_are_wilsons_and_the_error_is_weighted_by_pairs() -> None:
    read = read_preferences(run_with(0), {})
    assert (read.accuracy.low, read.accuracy.high) == (pytest.approx(0.5981, abs=1e-4), pytest.approx(0.8581, abs=1e-4))
    assert read.calibration_error == pytest.approx((10 * 0.05 + 30 * (0.95 - 25 / 30)) / 40)
    (sure,) = read.calibration[1:]
    assert (sure.x, sure.y) == (pytest.approx(216), pytest.approx(40))


def test_steps_can_be_walked(researcher_client: Client) -> None:
    run = run_with(0, 20, 40)
    text = page(researcher_client, run, "?step=20")
    assert f"/runs/{run.pk}/preferences/?step=0" in text
    assert f"/runs/{run.pk}/preferences/?step=40" in text
    assert researcher_client.get(reverse("preferences:run", args=[run.pk]) + "?step=7").status_code == 404
    told = researcher_client.get(reverse("preferences:run", args=[run.pk]) + "?step=20&format=json").json()
    assert (told["steps"], told["step"], told["report"]["right"]) == ([0, 20, 40], 20, 30)
    assert told["labels"]["sha256"] == "ab" * 32


def test_pairs_lead_to_items_that_are_still_there(researcher_client: Client) -> None:
    project = project_of(2)
    wrong = [wrong_pair(project=project.slug, item=2), wrong_pair(project="gone", item=1)]
    text = page(researcher_client, run_with(0, wrong=wrong))
    assert reverse("labeling:item", args=[project.slug, 2]) in text
    assert "/label/gone/" not in text


@pytest.mark.parametrize("status", [RunStatus.QUEUED, RunStatus.RUNNING, RunStatus.SUCCEEDED])
def test_before_there_is_anything_to_show_it_says_when(researcher_client: Client, status: RunStatus) -> None:
    text = page(researcher_client, run_with(status=status))
    assert ("ended before" in text) == status.is_terminal
    assert ("before step 1" in text) == (not status.is_terminal)


def test_nothing_decided_is_no_division_by_nothing(researcher_client: Client) -> None:
    empty = {"pairs": 0, "right": 0, "annotators": [], "lengths": [], "calibration": [], "agreement": None, "wrong": []}
    text = page(researcher_client, run_with(0, **empty))
    assert "No held-out label decides a pair" in text
    assert "cannot be told" in text


def test_runs_that_learn_from_rankings_have_the_tab_and_others_have_not(researcher_client: Client) -> None:
    for run, has in ((run_with(0, method=DpoMethod()), True), (run_with(0), True), (make_run(), False)):
        address = reverse("preferences:run", args=[run.pk])
        detail = researcher_client.get(reverse("runs:detail", args=[run.pk])).content.decode()
        assert (address in detail) is has
        assert researcher_client.get(address).status_code == (200 if has else 404)


def test_labelers_do_not_see_it(client: Client, django_user_model: Any) -> None:
    client.force_login(django_user_model.objects.create_user("one", role="labeler"))
    assert client.get(reverse("preferences:run", args=[run_with(0).pk])).status_code == 403
