"""The command line of runs: launch, follow, ingest; and what prepares a new installation."""

import json
import threading
import time
from io import StringIO
from pathlib import Path

import pytest
from django.core.management import CommandError, call_command
from django.db import connection

from tests.workers import rows
from tests.workers.conftest import STEPS, Supervised
from tests.workers.events import undisturbed
from training.config.presets import DEMO
from training.events import JsonlSink
from webapp.accounts.models import Role, User
from webapp.recipes.management.commands import recipe
from webapp.recipes.models import RecipeRun
from webapp.reports.management.commands import launch
from webapp.runs.models import MetricPoint, Run
from webapp.runs.status import RunStatus
from workers.runs import supervise


def call(*arguments: str) -> str:
    said = StringIO()
    call_command(*arguments, stdout=said)
    return said.getvalue()


def config_file(tmp_path: Path, text: str) -> str:
    path = tmp_path / "config.yaml"
    path.write_text(text)
    return str(path)


@pytest.mark.django_db
def test_a_config_file_becomes_a_queued_run(tmp_path: Path) -> None:
    path = config_file(tmp_path, "steps: 7\nmethod: {kind: sft}\n")
    assert "is queued" in call("launch", path, "--name", "from a file", "--group", "files")
    run = Run.objects.get()
    assert (run.name, run.group, run.method, run.total_steps, run.state) == (
        "from a file", "files", "sft", 7, RunStatus.QUEUED,
    )  # fmt: skip


@pytest.mark.django_db
def test_every_mistake_in_a_config_file_is_named_with_its_line(tmp_path: Path) -> None:
    path = config_file(tmp_path, "steps: 0\nmethod:\n  kind: grpo\n  updates_per_step: 5\n")
    with pytest.raises(CommandError, match=r"(?s)no valid config.*line 1:.*line \d") as reason:
        call("launch", path)
    assert "greater than or equal to 1" in str(reason.value) or "at least 1" in str(reason.value)
    with pytest.raises(CommandError, match="cannot be read"):
        call("launch", str(tmp_path / "missing.yaml"))
    assert not Run.objects.exists()


@pytest.mark.django_db
def test_seeds_and_a_grid_become_a_report_of_queued_runs(tmp_path: Path) -> None:
    path = config_file(tmp_path, "steps: 7\nmethod: {kind: grpo}\n")
    rate, clip = "optimisation.learning_rate=1e-4,3e-4", "method.loss.clip_high=0.2,0.28,-1"
    with pytest.raises(CommandError, match=r"(?s)cannot be run:.*clip high -1: Clip high: it must be"):
        call("launch", path, "--seeds", "0-1", "--grid", rate, "--grid", clip)
    with pytest.raises(CommandError, match="no knob 'steps7'"):
        call("launch", path, "--grid", "steps7=1")
    with pytest.raises(CommandError, match="--group goes neither"):
        call("launch", path, "--seeds", "0", "--group", "files")
    assert not Run.objects.exists()
    said = call(
        "launch", path, "--seeds", "0-1", "--grid", rate, "--grid", clip, "--leave-out", "--name", "Rates and clips"
    )
    assert "2 × 3 settings, 2 of them left out, × 2 seeds = 8 runs, queued. Report rates-and-clips" in said
    assert Run.objects.filter(status=RunStatus.QUEUED, total_steps=7).count() == 8


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("end", "code"), [(RunStatus.SUCCEEDED, 0), (RunStatus.STOPPED, launch.STOPPED), (RunStatus.FAILED, launch.FAILED)]
)
def test_following_a_grid_ends_with_its_last_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, end: RunStatus, code: int
) -> None:
    def a_while(_: float) -> None:
        run = Run.objects.filter(status=RunStatus.QUEUED).order_by("pk")[0]
        last = Run.objects.filter(status=RunStatus.QUEUED).count() == 1
        Run.objects.filter(pk=run.pk).update(status=end if last else RunStatus.SUCCEEDED, step=7)

    monkeypatch.setattr(launch.time, "sleep", a_while)
    said, reason = StringIO(), None
    try:
        path = config_file(tmp_path, "steps: 7\n")
        call_command("launch", path, "--seeds", "0-2", "--follow", stdout=said)
    except CommandError as error:
        reason = error
    assert (reason.returncode if reason else 0) == code
    assert "1 of 3 runs done; 2 on the way. The figures are of what there is. Step 7 of 21 in all." in said.getvalue()


@pytest.mark.processes
@pytest.mark.parametrize(("behaviour", "code", "words"), [({}, 0, ""), ({"die_at": 3, "exit": 1}, 1, "exit code 1")])
def test_following_shows_progress_and_ends_with_the_run(
    supervised: Supervised, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, behaviour: object, code: int, words: str
) -> None:
    monkeypatch.setattr(launch, "POLL_S", 0.02)

    def carry() -> None:
        try:
            while not (run := Run.objects.filter(name="followed").first()):
                time.sleep(0.02)
            run.folder.mkdir(parents=True, exist_ok=True)
            (run.folder / "behaviour.json").write_text(json.dumps({"pause": 0.01, **behaviour}))  # type: ignore[dict-item]
            supervise(run.pk)
        finally:
            connection.close()

    worker = threading.Thread(target=carry)
    worker.start()
    said, reason = StringIO(), None
    try:
        path = config_file(tmp_path, f"steps: {STEPS}")
        call_command("launch", path, "--name", "followed", "--follow", stdout=said)
    except CommandError as error:
        reason = error
    worker.join(20)
    assert (reason.returncode if reason else 0) == code
    assert words in str(reason)
    assert ("succeeded" if code == 0 else "failed") in said.getvalue().splitlines()[-1]


@pytest.mark.django_db
def test_ingest_brings_in_what_is_missing_and_from_start_mends_what_was_spoiled(tmp_path: Path) -> None:
    call("launch", config_file(tmp_path, "{}"))
    run = Run.objects.get()
    with pytest.raises(CommandError, match="no events"):
        call("ingest", str(run.pk))
    run.folder.mkdir(parents=True)
    sink = JsonlSink(run.folder / "events.jsonl")
    for event in undisturbed(9):
        sink.emit(event)
    sink.close()
    count = len(list(undisturbed(9)))
    assert f"Stored {count} events" in call("ingest", str(run.pk))
    assert "Stored 0 events" in call("ingest", str(run.pk))
    before = rows.of_run(run)
    MetricPoint.objects.all().update(value=3.0)
    assert f"Stored {count} events" in call("ingest", str(run.pk), "--from-start")
    assert rows.of_run(run) == before
    with pytest.raises(CommandError, match="There is no run"):
        call("ingest", "999999")


@pytest.mark.django_db
def test_the_first_admin_is_made_once_and_has_to_choose_a_password() -> None:
    said = call("first_admin")
    admin = User.objects.get(role=Role.ADMIN)
    password = said.split("password:")[1].split()[0]
    assert (admin.username, admin.must_change_password, admin.check_password(password)) == ("admin", True, True)
    assert call("first_admin") == ""
    assert User.objects.count() == 1


@pytest.mark.django_db
def test_the_first_admin_gets_another_name_when_admin_is_somebody_else() -> None:
    User.objects.create_user("admin", password="x", role=Role.VIEWER)
    assert "admin-2" in call("first_admin")


@pytest.mark.django_db
def test_a_demo_run_is_queued_where_there_are_no_runs() -> None:
    assert "demo run is queued" in call("demo")
    run = Run.objects.get()
    assert (run.state, run.config) == (RunStatus.QUEUED, DEMO.config.model_dump(mode="json"))
    assert call("demo") == ""
    assert Run.objects.count() == 1


@pytest.mark.django_db
def test_a_recipe_is_launched_once_with_each_seed_or_with_none(tmp_path: Path) -> None:
    with pytest.raises(CommandError, match="do not go together"):
        call("recipe", "rlhf", "--seeds", "0-1", "--seed", "2")
    with pytest.raises(CommandError, match="16 seeds"):
        call("recipe", "rlhf", "--seeds", "0-30")
    assert not RecipeRun.objects.exists()
    assert call("recipe", "rlhf", "--seeds", "0-2", "--name", "mine").count("is launched: 3 stages") == 3
    made = list(RecipeRun.objects.order_by("pk"))
    assert [each.name for each in made] == ["mine, seed 0", "mine, seed 1", "mine, seed 2"]
    assert [{stage.run.seed for stage in each.recipe.stages} for each in made] == [{0}, {1}, {2}]


@pytest.mark.django_db
def test_a_recipe_is_launched_from_a_preset_or_a_file_with_a_seed_of_its_own(tmp_path: Path) -> None:
    assert "is launched: 3 stages" in call("recipe", "rlhf", "--seed", "3", "--group", "seeds")
    made = RecipeRun.objects.get()
    assert (made.group, {stage.run.seed for stage in made.recipe.stages}) == ("seeds", {3})
    assert Run.objects.get().config["seed"] == 3
    path = config_file(tmp_path, "name: short\nstages: [{name: one, run: {steps: 3}}]\n")
    assert "(mine) is launched: 1 stage." in call("recipe", path, "--name", "mine")
    with pytest.raises(CommandError, match="neither a file nor a preset nothing"):
        call("recipe", "nothing")
    with pytest.raises(CommandError, match=r"(?s)not a valid config.*stages"):
        call("recipe", config_file(tmp_path, "name: none\n"))
    with pytest.raises(CommandError, match="--seed -1"):
        call("recipe", "rlhf", "--seed", "-1")


@pytest.mark.processes
def test_following_a_recipe_shows_each_stage_and_ends_with_it(
    supervised: Supervised, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(recipe, "POLL_S", 0.02)
    stages = "stages: [{name: one, run: {steps: 5}}, {name: two, run: {steps: 5}, model_from: {stage: one}}]"
    path = config_file(tmp_path, f"name: followed\n{stages}\n")

    def carry() -> None:
        try:
            deadline = time.monotonic() + 30
            while not RecipeRun.objects.filter(state="succeeded").exists() and time.monotonic() < deadline:
                for run in Run.objects.filter(status=RunStatus.QUEUED):
                    supervise(run.pk)
                time.sleep(0.02)
        finally:
            connection.close()

    worker = threading.Thread(target=carry)
    worker.start()
    try:
        said = call("recipe", path, "--follow")
    finally:
        worker.join(30)
    assert "stage 1/2 one" in said
    assert "stage 2/2 two  succeeded step 5/5" in said
