"""One run's pages: what they offer in each state, tables and files of figures, the config, first appearances."""

import csv
import io
import json
import random

import pytest
import yaml
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from tests.webapp.runs.pages.made import add_checkpoint, add_figures, make_run
from training.config import FinishConfig, GrpoMethod, OptimisationConfig, RunConfig, SamplingConfig
from training.events import ProblemsSelected, SelectedProblem
from training.finishing import FinishMonitor
from webapp.accounts.models import User
from webapp.runs.config_table import rows_of
from webapp.runs.models import Alert, ProblemSelection, Run, StopRequest
from webapp.runs.progress import progress_of
from webapp.runs.reflection import first_appearances
from webapp.runs.status import RunStatus

pytestmark = pytest.mark.django_db
TABS = ("detail", "reasoning", "checkpoints", "health", "log", "config")


def page(client: Client, run: Run, name: str = "detail") -> str:
    response = client.get(reverse(f"runs:{name}", args=[run.pk]))
    assert response.status_code == 200
    return response.content.decode()


@pytest.mark.parametrize("status", list(RunStatus))
@pytest.mark.parametrize("tab", TABS)
def test_every_page_stands_in_every_state_with_and_without_figures(
    researcher_client: Client, status: RunStatus, tab: str
) -> None:
    run = make_run(status)
    page(researcher_client, run, tab)
    add_figures(run, {"reward/mean": [0.1, 0.2], "reflection/wait_per_1k": [0.0, 1.0]})
    add_checkpoint(run, 2)
    Alert.objects.create(run=run, step=1, code="x", severity="odd", message="m", advice="a", at=timezone.now())
    assert status.label in page(researcher_client, run, tab)


@pytest.mark.parametrize(
    ("status", "offered"),
    [
        (RunStatus.QUEUED, "Stop…"), (RunStatus.RUNNING, "Stop…"), (RunStatus.STOPPING, "Stop now…"),
        (RunStatus.STOPPED, "Resume from step 7"), (RunStatus.LOST, "Resume from step 7"),
    ],
)  # fmt: skip
def test_the_primary_action_follows_the_state(researcher_client: Client, status: RunStatus, offered: str) -> None:
    run = make_run(status)
    add_checkpoint(run, 7)
    shown = page(researcher_client, run)
    primary = shown.split('data-part="actions"')[1].split("</div>")[0].split("primary")[1]
    assert offered in primary


def test_a_finished_run_offers_to_clone_it(researcher_client: Client) -> None:
    actions = page(researcher_client, make_run(RunStatus.SUCCEEDED)).split('data-part="actions"')[1].split("</div>")[0]
    assert "primary" in actions
    assert "Clone" in actions.split("primary")[1]
    assert "Resume" not in actions


def test_stopping_asks_the_run_to_save_or_not(researcher_client: Client) -> None:
    run = make_run(RunStatus.RUNNING)
    researcher_client.post(reverse("runs:stop", args=[run.pk]), {"how": "save"})
    run.refresh_from_db()
    assert (run.status, run.stop_requested) == (RunStatus.STOPPING, StopRequest.SAVE)
    researcher_client.post(reverse("runs:stop", args=[run.pk]), {"how": "now"})
    run.refresh_from_db()
    assert run.stop_requested == StopRequest.NOW


def test_resuming_queues_the_run_again(researcher_client: Client) -> None:
    run = make_run(RunStatus.FAILED, error="out of memory")
    researcher_client.post(reverse("runs:resume", args=[run.pk]))
    run.refresh_from_db()
    assert (run.status, run.error) == (RunStatus.QUEUED, "")


def test_name_group_and_notes_can_be_changed_and_nothing_else(researcher_client: Client) -> None:
    run = make_run()
    about = {"name": "better name", "group": "seeds", "notes": "why", "status": "queued", "step": 99}
    researcher_client.post(reverse("runs:edit", args=[run.pk]), about)
    run.refresh_from_db()
    assert (run.name, run.group, run.notes) == ("better name", "seeds", "why")
    assert (run.status, run.step) == (RunStatus.SUCCEEDED, 0)
    assert researcher_client.post(reverse("runs:edit", args=[run.pk]), {"name": ""}).status_code == 400


def test_a_run_is_deleted_only_when_its_name_is_typed(researcher_client: Client) -> None:
    run = make_run(name="precious")
    assert researcher_client.post(reverse("runs:delete", args=[run.pk]), {"name": "precius"}).status_code == 400
    assert Run.objects.filter(pk=run.pk).exists()
    researcher_client.post(reverse("runs:delete", args=[run.pk]), {"name": "precious"})
    assert not Run.objects.filter(pk=run.pk).exists()


ACTIONS = ("stop", "resume", "edit", "delete", "checkpoint_pin", "checkpoint_prune", "archive", "demo")


@pytest.mark.parametrize("action", ACTIONS)
def test_viewers_look_and_do_nothing_else(client: Client, viewer: User, action: str) -> None:
    run = make_run(RunStatus.RUNNING)
    add_checkpoint(run, 1)
    arguments = {"archive": [], "demo": []}.get(action, [run.pk, 1] if action.startswith("checkpoint") else [run.pk])
    address = reverse(f"runs:{action}", args=arguments)
    assert client.post(address)["Location"].startswith("/accounts/login/")
    client.force_login(viewer)
    assert client.post(address, {"runs": [run.pk], "name": run.name, "how": "now"}).status_code == 403
    assert client.get(address).status_code == 403
    run.refresh_from_db()
    assert (run.status, run.archived, run.name) == (RunStatus.RUNNING, False, "a run")
    shown = page(client, run) + page(client, run, "checkpoints")
    assert "Stop…" not in shown
    assert '<dialog id="stop-run"' not in shown
    assert "Remove…" not in shown


def test_text_of_users_and_models_stays_text(researcher_client: Client) -> None:
    evil = '</script><img src=x onerror="alert(1)">'
    run = make_run(RunStatus.FAILED, name=evil, group=evil, notes=evil, error=evil, worker=evil, problems=evil)
    add_figures(run, {"reward/mean": [0.1, 0.2], evil[:60]: [1.0, 2.0]})
    alert = {"code": "x", "severity": "warning", "message": evil, "advice": evil, "metric": "reward/mean"}
    Alert.objects.create(run=run, step=1, at=timezone.now(), **alert)
    pages = [page(researcher_client, run, tab) for tab in TABS]
    pages += [
        researcher_client.get(a).content.decode()
        for a in ("/runs/", "/runs/?by=group", f"/runs/compare/?runs={run.pk}")
    ]
    for shown in pages:
        assert "<img src=x" not in shown


def test_a_chart_has_a_table_of_single_points_that_lead_to_rollouts(researcher_client: Client) -> None:
    run = make_run()
    add_figures(run, {"reward/mean": [step / 1000 for step in range(1, 121)], "reward/format": [1.0] * 120})
    address = reverse("runs:chart_table", args=[run.pk, "reward"])
    first = researcher_client.get(address)
    assert [step for step, _ in first.context["rows"]] == list(range(120, 70, -1))
    assert f'href="/runs/{run.pk}/steps/120/?split=train"' in first.content.decode()
    second = researcher_client.get(address, {"before": 71})
    assert [(step, values[0]) for step, values in second.context["rows"]][-1] == (21, 0.021)
    last = researcher_client.get(address, {"before": 21}).content.decode()
    assert "Earlier steps" not in last


def test_the_csv_has_every_point_to_the_last_digit(researcher_client: Client) -> None:
    draw = random.Random(3)
    loss = [draw.gauss(0, 1e-7) for _ in range(40)]
    loss[5] = float("nan")
    run = make_run()
    add_figures(run, {"optim/loss": loss})
    add_figures(run, {"heldout/loss": [1.25, 2.5]}, first=10, every=10)
    response = researcher_client.get(reverse("runs:chart_csv", args=[run.pk, "loss"]))
    rows = list(csv.DictReader(io.StringIO(b"".join(response.streaming_content).decode())))
    assert [int(row["step"]) for row in rows] == list(range(1, 41))
    assert [float(row["optim/loss"] or "nan") for row in rows] == pytest.approx(loss, rel=0, abs=0, nan_ok=True)
    assert [row["heldout/loss"] for row in rows if row["heldout/loss"]] == ["1.25", "2.5"]


def test_a_chart_that_a_run_lacks_is_not_found(researcher_client: Client) -> None:
    run = make_run()
    assert researcher_client.get(reverse("runs:chart_table", args=[run.pk, "kl"])).status_code == 404


def test_first_appearances_are_those_of_a_search_through_all_steps() -> None:
    draw = random.Random(11)
    words = ("wait", "check", "verify", "but")
    figures = {
        f"reflection/{word}_per_1k": [
            draw.random() if draw.random() < 0.02 and step > 30 * i else 0.0 for step in range(400)
        ]
        for i, word in enumerate(words)
    }
    figures["reflection/retry_per_1k"] = [0.0] * 400
    run = make_run()
    add_figures(run, figures)
    slow = [(word, next(i for i, v in enumerate(figures[f"reflection/{word}_per_1k"], 1) if v > 0)) for word in words]
    assert first_appearances(run) == sorted(slow, key=lambda each: (each[1], f"reflection/{each[0]}"))


def test_the_config_page_shows_what_was_changed_and_everything_on_request(researcher_client: Client) -> None:
    config = RunConfig(
        seed=5,
        method=GrpoMethod(sampling=SamplingConfig(max_tokens=128)),
        optimisation=OptimisationConfig(learning_rate=2e-5),
    )
    run = make_run(config=config)
    shown = researcher_client.get(reverse("runs:config", args=[run.pk])).context["rows"]
    assert [(row.path, row.value, row.default) for row in shown] == [
        ("method.sampling.max_tokens", 128, 96), ("seed", 5, 0), ("optimisation.learning_rate", 2e-5, 1e-4),
    ]  # fmt: skip
    everything = researcher_client.get(reverse("runs:config", args=[run.pk]), {"all": 1}).context["rows"]
    assert len(everything) == len(rows_of(run.config)) > 40
    assert (
        next(row for row in everything if row.path == "seed").help == "Fixes data order, sampling and initialisation."
    )


def test_a_knob_that_no_longer_exists_is_shown_as_it_was() -> None:
    rows = rows_of({"magic": {"knob": 3, "wand": None}, "seed": 0})
    assert [(row.path, row.value, row.changed) for row in rows] == [
        ("seed", 0, False), ("magic.knob", 3, True), ("magic.wand", None, True),
    ]  # fmt: skip


@pytest.mark.parametrize(("kind", "parse"), [("json", json.loads), ("yaml", yaml.safe_load)])
def test_an_exported_config_is_the_runs_own(researcher_client: Client, kind: str, parse: "type") -> None:
    config = RunConfig(seed=5, optimisation=OptimisationConfig(learning_rate=2e-5))
    run = make_run(config=config)
    run.refresh_from_db()
    response = researcher_client.get(reverse("runs:config_file", args=[run.pk, kind]))
    exported = parse(response.content)
    assert RunConfig.model_validate(exported) == config
    assert list(exported) == list(RunConfig.model_fields)
    assert researcher_client.get(reverse("runs:config_file", args=[run.pk, "exe"])).status_code == 404


def test_a_failure_is_told_before_the_last_lines(researcher_client: Client) -> None:
    run = make_run(RunStatus.FAILED, error="The trainer failed (exit code 1): KeyError\n\nTraceback\n  a line")
    shown = page(researcher_client, run)
    assert "<strong>The trainer failed (exit code 1): KeyError</strong>" in shown
    assert ">Traceback\n  a line</pre>" in shown


def test_time_left_goes_by_the_mean_pace_and_only_while_it_runs() -> None:
    run = make_run(RunStatus.RUNNING, total_steps=50)
    add_figures(run, {"time/step_s": [1.0, 2.0, 3.0], "speed/tokens_per_s": [10.0, 20.0, 30.0]})
    progress = progress_of(run, timezone.now())
    assert progress.remaining == pytest.approx(2.0 * 47)
    assert (progress.share, progress.tokens_per_s) == (pytest.approx(3 / 50), 30.0)
    run.status = RunStatus.STOPPED
    assert progress_of(run, timezone.now()).remaining is None


def test_the_choice_of_problems_is_shown_with_what_it_left_out(researcher_client: Client) -> None:
    run = make_run(RunStatus.RUNNING)
    assert "Problem selection" not in page(researcher_client, run)
    told = ProblemsSelected(
        step=0, rule="rejection_sampling", asked=1000, kept=250, samples=4, solutions=300, tokens=45_000,
        dropped={"no right response": 750}, filtered={"several scripts": 100},
        examples=[SelectedProblem(problem_id="1", prompt="<b>1+1</b>", answer="2", right=1, response="<i>2</i>")],
    )  # fmt: skip
    ProblemSelection.objects.create(run=run, told=told.model_dump(exclude={"step", "at", "kind"}))
    shown = page(researcher_client, run)
    assert "250 of 1,000 problems" in shown
    assert "750 problems (75.0 %) left out: no right response" in shown
    assert "100 right responses (25.0 %) not imitated: several scripts" in shown
    assert "&lt;b&gt;1+1&lt;/b&gt;" in shown
    assert "<i>2</i>" not in shown


def test_a_run_that_ended_by_its_rule_says_so_at_the_top(researcher_client: Client) -> None:
    run = make_run(RunStatus.SUCCEEDED, step=60)
    monitor = FinishMonitor(FinishConfig(pass_at_1=0.5, least_steps=1))
    monitor.observe({"heldout/pass_at_1": 0.75})
    told = monitor.end(60)
    assert told is not None
    Alert.objects.create(run=run, at=timezone.now(), **told.model_dump(exclude={"kind", "at"}))
    shown = page(researcher_client, run)
    assert "Ended after step 60: held-out pass@1 is 75.0%, of 50.0% asked for." in shown
