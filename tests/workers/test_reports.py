"""``manage.py report``: launching, training without workers, files, errors."""

import json
import socket
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from io import StringIO
from pathlib import Path

import pytest
from django.core.management import CommandError, call_command
from django.db import connection
from django.utils import timezone

from training.config import RunConfig
from webapp.reports.catalogue import Known, find
from webapp.reports.definition import Arm, Definition
from webapp.reports.models import Report, ReportRun
from webapp.reports.services import launch_missing
from webapp.runs.models import Checkpoint, Run
from webapp.runs.services import delete_run
from webapp.runs.signals import run_moved
from webapp.runs.status import RunStatus, transition
from workers import host, process, reports, runs
from workers.dispatch import claim
from workers.maintenance import maintain
from workers.management.commands import report as command

FILES = {"report.html", "results.csv", "curves.csv", "report.md"}
STEPS = 23


def call(*arguments: object) -> tuple[str, CommandError | None]:
    said = StringIO()
    try:
        call_command("report", *map(str, arguments), stdout=said)
    except CommandError as error:
        return said.getvalue(), error
    return said.getvalue(), None


@pytest.fixture
def quick(transactional_db: None, monkeypatch: pytest.MonkeyPatch) -> Definition:
    """A report of two arms and two seeds whose runs the fake trainer carries."""
    monkeypatch.setattr(process, "COMMAND", (sys.executable, "-m", "tests.workers.fake_trainer"))
    monkeypatch.setattr(runs, "TICK_S", 0.05)
    arms = tuple(Arm(slug=name, title=name.title(), config={"steps": STEPS + number})
                 for number, name in enumerate(("plain", "longer")))  # fmt: skip
    goals = ({"kind": "beats", "arm": "longer", "of": "plain", "at": "end"},)
    definition = Definition(name="quick", title="Quick", arms=arms, seeds=(0, 1), metrics=("reward/mean",), goals=goals)
    Report.objects.create(slug="quick", title="Quick", definition=definition.model_dump(mode="json"))
    return definition


@pytest.mark.processes
@pytest.mark.parametrize("jobs", [1, 2])
def test_a_report_is_run_here_and_written(quick: Definition, tmp_path: Path, jobs: int) -> None:
    said, error = call("quick", "--local", "--jobs", jobs, "--out", tmp_path / "made")
    assert error is None, said
    assert {path.name for path in (tmp_path / "made").iterdir()} == FILES
    assert said.count(": succeeded at step") == 4
    assert "All 4 runs are done." in said
    assert {run.state for run in Run.objects.all()} == {RunStatus.SUCCEEDED}
    assert (tmp_path / "made" / "curves.csv").read_text().count("reward/mean") == 2 * STEPS + 2 * (STEPS + 1)
    again, error = call("quick", "--local", "--out", tmp_path / "made")
    assert error is None
    assert "queued" not in again
    assert Run.objects.count() == 4


@pytest.mark.processes
def test_a_run_that_fails_is_said_and_resumed_by_the_next_call(
    quick: Definition, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(process, "COMMAND", (sys.executable, "-c", "import sys; sys.exit('error: no luck')"))
    said, error = call("quick", "--local", "--seeds", "0", "--out", tmp_path)
    assert error is not None
    assert error.returncode == command.UNFINISHED
    assert "failed at step 0" in said
    assert "no luck" in said
    monkeypatch.setattr(process, "COMMAND", (sys.executable, "-m", "tests.workers.fake_trainer"))
    said, error = call("quick", "--local", "--seeds", "0", "--out", tmp_path)
    assert error is None, said
    assert said.count("goes on from its last checkpoint") == 2


@pytest.mark.django_db
def test_without_launching_only_what_there_is_is_written(tmp_path: Path) -> None:
    said, error = call("demo", "--no-launch", "--out", tmp_path / "deep" / "er")
    assert error is not None
    assert error.returncode == command.UNFINISHED
    assert "3 missing" in said
    assert {path.name for path in (tmp_path / "deep" / "er").iterdir()} == FILES
    assert not Run.objects.exists()


@pytest.mark.django_db
def test_launching_sends_runs_to_the_workers(tmp_path: Path) -> None:
    said, error = call("demo", "--seeds", "3,1", "--out", tmp_path)
    assert said.count("is queued") == 2
    assert error is not None
    assert sorted(run.config["seed"] for run in Run.objects.all()) == [1, 3]
    assert all(run.queued_at for run in Run.objects.all())
    assert ReportRun.objects.filter(report__slug="demo").count() == 2


@pytest.mark.django_db
def test_mistakes_are_told_with_what_would_do(tmp_path: Path) -> None:
    assert "There is no report 'demmo'; there are deepsearch, demo" in str(call("demmo")[1])
    assert "whole numbers" in str(call("demo", "--seeds", "one")[1])
    assert "--no-launch goes neither" in str(call("demo", "--no-launch", "--wait")[1])
    assert "at least 1" in str(call("demo", "--jobs", "0")[1])
    file = tmp_path / "file"
    file.write_text("")
    assert "cannot be written" in str(call("demo", "--no-launch", "--out", file)[1])


@pytest.mark.django_db
def test_a_config_that_names_what_is_not_there_starts_nothing() -> None:
    arm = Arm(slug="a", title="A", config={"problems": {"kind": "imported", "slug": "gone"}})
    definition = Definition(name="lost", title="Lost", arms=(arm,))
    Report.objects.create(slug="lost", title="Lost", definition=json.loads(definition.model_dump_json()))
    assert "There is no problem set 'gone'" in str(call("lost")[1])
    assert not Run.objects.exists()


def test_run_configs_are_those_of_the_definition(quick: Definition) -> None:
    assert quick.arms[1].run_config(7) == RunConfig(steps=STEPS + 1, seed=7)


@pytest.mark.django_db
def test_a_file_can_define_a_report(tmp_path: Path) -> None:
    path = tmp_path / "mine.yaml"
    path.write_text("name: mine\ntitle: Mine\narms: [{slug: a, title: A, config: {steps: 3}}]\n")
    said, error = call(path, "--no-launch", "--out", tmp_path)
    assert "1 missing" in said, error
    assert Report.objects.get().slug == "mine"
    path.write_text("name: mine\ntitle: Mine\narms: [{slug: a, title: A, config: {steps: 4}}]\n")
    assert "another report mine" in str(call(path)[1])
    path.write_text("name: mine\narms: []\n")
    assert "title: Field required" in str(call(path)[1])
    path.write_text("{")
    assert "not YAML" in str(call(path)[1])
    assert "cannot be read" in str(call(tmp_path / "none.yaml")[1])


@pytest.fixture
def chained(quick: Definition) -> Definition:
    """The same, with an arm that goes on from a part."""
    part = Arm(slug="half", title="Half", config={"steps": 10})
    arms = (*quick.arms[:1], Arm(slug="on", title="On", after="half", config={"steps": 13}))
    definition = quick.model_copy(update={"name": "chained", "parts": (part,), "arms": arms, "goals": ()})
    Report.objects.create(slug="chained", title="Chained", definition=definition.model_dump(mode="json"))
    return definition


@pytest.mark.processes
def test_what_goes_on_from_another_run_is_carried_after_it(chained: Definition, tmp_path: Path) -> None:
    said, error = call("chained", "--local", "--jobs", 2, "--out", tmp_path)
    assert error is None, said
    assert "All 6 runs are done." in said
    on = Run.objects.get(name="Chained: On, seed 1")
    half = Run.objects.get(name="Chained: Half, seed 1")
    assert on.config["model"] == {"kind": "checkpoint", "run": half.pk, "step": 10}
    rows = [line.split(",") for line in (tmp_path / "curves.csv").read_text().splitlines()[1:]]
    assert {row[0] for row in rows} == {"plain", "on"}, "parts are neither drawn nor compared"
    steps = [int(row[3]) for row in rows if row[0] == "on" and row[1] == "1"]
    assert steps == list(range(1, 24)), "it counts on from where the part ended"
    again, error = call("chained", "--local", "--out", tmp_path)
    assert error is None
    assert "queued" not in again


def done_half() -> Run:
    """The part of the chain with seed 0, which some worker has trained to its end."""
    half = Run.objects.get(name="Chained: Half, seed 0")
    folder = half.folder / "checkpoints" / "step_000010"
    folder.mkdir(parents=True)
    Checkpoint.objects.create(run=half, step=10, path="checkpoints/step_000010", size=1, saved_at=timezone.now())
    assert transition(half.pk, RunStatus.STARTING)
    assert transition(half.pk, RunStatus.SUCCEEDED)
    return half


@pytest.mark.django_db(transaction=True)
def test_what_goes_on_waits_and_is_sent_when_the_other_has_succeeded(chained: Definition, tmp_path: Path) -> None:
    said, _ = call("chained", "--seeds", "0", "--out", tmp_path)
    assert said.count("is queued") == 2
    assert "2 on the way, 1 waiting for another" in said
    half = done_half()
    on = Run.objects.get(name="Chained: On, seed 0")
    assert (on.state, bool(on.queued_at)) == (RunStatus.QUEUED, True)
    assert on.config["model"]["run"] == half.pk


@pytest.mark.django_db(transaction=True)
def test_what_goes_on_begins_once_where_nobody_heard_that_the_other_has_succeeded(
    chained: Definition, monkeypatch: pytest.MonkeyPatch
) -> None:
    launch_missing(Known(chained, Report.objects.get(slug="chained"), False), seeds=[0])
    with monkeypatch.context() as deaf:
        deaf.setattr(run_moved, "send_robust", lambda *_, **__: [])
        half = done_half()
    following = Run.objects.filter(name="Chained: On, seed 0")
    assert not following.exists()
    with ThreadPoolExecutor(2) as pool:
        for _ in pool.map(lambda _: (maintain(), connection.close()), range(2)):
            pass
    on = following.get()
    assert (on.state, bool(on.queued_at)) == (RunStatus.QUEUED, True)
    assert on.config["model"]["run"] == half.pk
    assert transition(on.pk, RunStatus.STOPPED)
    delete_run(on)
    maintain()
    assert not following.exists(), "its user deleted it"


@pytest.mark.processes
def test_runs_that_a_worker_has_in_hand_are_waited_for_and_what_goes_on_from_them_is_carried(
    chained: Definition, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reports, "POLL_S", 0.05)
    launched = launch_missing(Known(chained, None, False), seeds=(0,), send=False)
    half = next(run for run in launched.started if "Half" in run.name)
    taken = claim(half.pk)
    assert taken is not None
    asked: list[int] = []

    def work() -> None:
        """The worker begins once the command waits for it."""
        while not asked:
            time.sleep(0.01)
        runs.Supervisor(taken).carry()
        connection.close()

    monkeypatch.setattr(reports, "reap_lost_runs", lambda: asked.append(1))
    worker = threading.Thread(target=work, daemon=True)
    worker.start()
    said, error = call("chained", "--local", "--seeds", "0", "--out", tmp_path)
    worker.join(60)
    assert error is None, said
    assert (
        f"Run {half.pk} ({half.name}) is carried by another process on {socket.gethostname()[:60]}, at step 0 of 10; "
        in said
    )
    assert said.index("waiting.") < said.index(f"Run {half.pk} ({half.name}): succeeded at step 10")
    assert "All 3 runs are done." in said


@pytest.mark.django_db
def test_waiting_ends_when_the_worker_of_a_run_is_gone() -> None:
    demo = find("demo")
    assert demo is not None
    run = launch_missing(demo, seeds=(0,), send=False).started[0]
    now = {"heartbeat_at": timezone.now()}  # else it is silent, once the database is old enough to know
    Run.objects.filter(pk=run.pk).update(status=RunStatus.RUNNING, worker=host.this_process(), attempt=1, **now)
    machine, number, began = host.this_process().rsplit(":", 2)
    said: list[str] = []

    def die(words: str) -> None:
        said.append(words)
        Run.objects.update(worker=f"{machine}:{number}:{float(began) - 100:.2f}")

    reports.outlast([run], tell=lambda run: said.append(run.name), say=die)
    assert (run.state, len(said)) == (RunStatus.QUEUED, 1)
