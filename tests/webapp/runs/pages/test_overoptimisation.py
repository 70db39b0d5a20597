"""The page that shows whether a learned reward is gamed: points, fit, signs, and the checkpoint to go back to."""

import re

import pytest
from django.test import Client
from django.urls import reverse

from tests.webapp.runs.pages.gamed import EVERY, distance, gamed_run, gold, judged, trained
from tests.webapp.runs.pages.made import add_checkpoint, add_figures, make_run
from webapp.runs.models import Alert, Run
from webapp.runs.overoptimisation import last_before_alarm, read_page
from webapp.runs.status import RunStatus

pytestmark = pytest.mark.django_db


def address(run: Run) -> str:
    return reverse("runs:overoptimisation", args=[run.pk])


def test_it_reads_what_the_trainer_saw() -> None:
    run = gamed_run()
    page = read_page(run)
    assert [each.step for each in page.evaluated] == list(range(0, 51, EVERY))
    last = page.evaluated[-1]
    assert (last.distance, last.kl) == (pytest.approx(distance(50)), pytest.approx(distance(50) ** 2))
    assert (last.gold, last.low) == (pytest.approx(gold(50)), pytest.approx(gold(50) - 0.06))
    assert len(page.track) == 50
    assert page.fit is not None
    assert (page.fit.curve.a, page.fit.curve.b, page.fit.points) == (pytest.approx(0.2), pytest.approx(0.16), 10)
    assert page.fit.peak is not None
    assert page.fit.peak.distance == pytest.approx(1.2840, abs=1e-3)  # exp(a / b - 1)
    since = {each.signal.code: each.since for each in page.readings if each.holds}
    told = {alert.code.removeprefix("overoptimisation_"): alert.step for alert in run.alerts.all()}
    assert since == told
    assert page.alarm == min(told.values())


def test_the_chart_has_gold_proxy_fits_budget_and_alarm() -> None:
    run = gamed_run()
    chart = read_page(run).as_json()
    assert chart["budget"] == pytest.approx(10**0.5)
    assert chart["gold"]["steps"] == list(range(0, 51, EVERY))  # type: ignore[index]
    fits: dict[str, dict[str, list[float]]] = chart["fits"]  # type: ignore[assignment]
    assert fits["rl"]["values"][0] == pytest.approx(gold(0))
    assert fits["best_of_n"]["points"] == 10
    assert max(fits["rl"]["distances"]) > distance(50)


def test_the_page_tells_values_thresholds_and_where_to_go_back_to(researcher_client: Client) -> None:
    run = gamed_run()
    html = researcher_client.get(address(run)).content.decode()
    said = re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", html))
    alarm = min(alert.step for alert in run.alerts.all())
    good = (alarm - 1) // 10 * 10
    assert f"The first sign came up at step {alarm}." in said
    assert last_before_alarm(run) == good
    assert f"is that of step {good}" in said
    assert "d* = 1.28 √nats" in said
    assert "It rests on 10 evaluations" in said
    for title in ("Far from the reference", "Reward up, accuracy down", "Heads disagree", "Length is paid for",
                  "Entropy collapsed", "Responses repeat themselves"):  # fmt: skip
        assert title in said
    assert f'/runs/{run.pk}/steps/50/?split=heldout">50</a>' in html


def test_the_checkpoint_before_the_alarm_is_marked_and_others_are_not(researcher_client: Client) -> None:
    run = gamed_run()
    html = researcher_client.get(reverse("runs:checkpoints", args=[run.pk])).content.decode()
    assert html.count("last before the alarm</a>") == 1
    quiet = make_run()
    add_checkpoint(quiet, 10)
    Alert.objects.create(run=quiet, step=5, code="truncation", severity="warning", at=quiet.created_at)
    assert last_before_alarm(quiet) is None
    html = researcher_client.get(reverse("runs:checkpoints", args=[quiet.pk])).content.decode()
    assert "before the alarm" not in html


def test_a_removed_checkpoint_is_none_to_go_back_to() -> None:
    run = gamed_run()
    good = last_before_alarm(run)
    run.checkpoints.filter(step=good).update(removed_at=run.created_at)
    assert last_before_alarm(run) != good


def test_only_runs_with_a_learned_reward_have_the_tab(researcher_client: Client) -> None:
    plain = make_run()
    link = ">Over-optimisation</a>"
    assert link not in researcher_client.get(reverse("runs:detail", args=[plain.pk])).content.decode()
    assert "nothing here to be gamed" in researcher_client.get(address(plain)).content.decode()
    assert link in researcher_client.get(reverse("runs:detail", args=[gamed_run(6).pk])).content.decode()


def test_early_on_it_says_what_is_missing(researcher_client: Client) -> None:
    run = make_run(RunStatus.RUNNING)
    add_figures(run, {name: [value] for name, value in trained(1).items()})
    html = researcher_client.get(address(run)).content.decode()
    assert "No evaluation yet" in html
    assert "not known yet" in html
    assert "needs 4 evaluations" in html
    add_figures(run, {name: [value] for name, value in judged(5).items()}, first=5)
    assert "needs 3 more evaluations" in researcher_client.get(address(run)).content.decode()


def test_a_threshold_left_empty_and_a_watch_turned_off_are_told(researcher_client: Client) -> None:
    run = gamed_run(20)
    run.config["method"]["overoptimisation"] |= {"enabled": False, "entropy_share": None}
    run.save()
    html = researcher_client.get(address(run)).content.decode()
    assert "Nobody watches" in html
    assert "Not watched: its threshold is empty." in html


def test_a_long_run_is_read_in_bins(monkeypatch: pytest.MonkeyPatch, researcher_client: Client) -> None:
    monkeypatch.setattr("webapp.runs.overoptimisation.MOST_POINTS", 10)
    run = gamed_run()
    assert read_page(run).bin_steps == 16
    assert "means of 16 steps" in researcher_client.get(address(run)).content.decode()
