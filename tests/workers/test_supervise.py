"""One attempt of a run, from the claim to its end, with a trainer that behaves and one that does not."""

import json
import os
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import psutil
import psycopg
import pytest
from django.conf import LazySettings
from django.db import connection

from tests.workers import rows
from tests.workers.conftest import STEPS, Supervised
from training.events import all_events
from webapp.runs import services
from webapp.runs.models import Run, StopRequest
from webapp.runs.status import RunStatus
from workers import runs
from workers.dispatch import claim
from workers.process import FAMILY, end_attempt, end_family, trainer_environment
from workers.runs import supervise

pytestmark = pytest.mark.processes


def starts(run: Run) -> int:
    return sum(event.kind == "started" for event in all_events(run.folder / "events.jsonl"))


def wait_for_event(run: Run, kind: str) -> None:
    deadline = time.monotonic() + 30
    while all(event.kind != kind for event in all_events(run.folder / "events.jsonl")):
        assert time.monotonic() < deadline
        time.sleep(0.05)


def is_gone(pid: int) -> bool:
    try:
        return psutil.Process(pid).status() == psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return True


def resumed(run: Run) -> Run:
    services.resume_run(run)
    return run


def test_a_run_goes_from_queued_to_succeeded_with_all_its_rows(supervised: Supervised) -> None:
    run = supervised.carry(supervised.new())
    assert (run.state, run.step, run.exit_code, run.attempt, run.error) == (RunStatus.SUCCEEDED, STEPS, 0, 1, "")
    assert None not in (run.started_at, run.ended_at, run.heartbeat_at)
    assert len(rows.of_run(run)["rollouts"]) == 3 + 6 * STEPS
    assert json.loads((run.folder / "config.json").read_text()) == run.config


def test_of_eight_deliveries_at_once_one_starts_a_trainer(supervised: Supervised) -> None:
    run = supervised.new()

    def deliver(_: int) -> None:
        try:
            supervise(run.pk)
        finally:
            connection.close()

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(deliver, range(8)))
    run.refresh_from_db()
    assert (run.state, run.attempt, starts(run)) == (RunStatus.SUCCEEDED, 1, 1)


def test_a_message_for_a_run_that_is_not_queued_does_nothing(supervised: Supervised) -> None:
    run = supervised.carry(supervised.new())
    supervise(run.pk)
    supervise(10**9)
    run.refresh_from_db()
    assert (run.state, run.attempt) == (RunStatus.SUCCEEDED, 1)


def test_a_crash_is_told_with_its_last_words_and_the_resumed_run_has_the_rows_of_a_calm_one(
    supervised: Supervised,
) -> None:
    calm = rows.of_run(supervised.carry(supervised.new()))
    run = supervised.carry(supervised.new(die_at=13, exit=1, words="ZeroDivisionError: division by zero"))
    assert (run.state, run.exit_code, run.step) == (RunStatus.FAILED, 1, 12)
    assert run.error.startswith("The trainer failed (exit code 1)")
    assert run.error.endswith("loaded the model\nZeroDivisionError: division by zero")
    run = supervised.carry(resumed(run))
    assert (run.state, run.attempt, run.error) == (RunStatus.SUCCEEDED, 2, "")
    assert rows.of_run(run) == calm


def test_stop_lets_the_trainer_save_and_resume_goes_on_from_there(supervised: Supervised) -> None:
    calm = rows.of_run(supervised.carry(supervised.new()))
    run = supervised.new(wait_at=7)
    supervised.begin(run)
    supervised.wait(run, lambda run: run.step == 7)
    services.stop_run(run)
    run = supervised.wait(run, lambda run: run.state.is_terminal)
    assert (run.state, run.exit_code, run.step) == (RunStatus.STOPPED, 0, 10)
    run = supervised.carry(resumed(run))
    assert run.state == RunStatus.SUCCEEDED
    assert rows.of_run(run) == calm


def test_stop_now_does_not_wait(supervised: Supervised) -> None:
    run = supervised.new(deaf=True, pause=30)
    supervised.begin(run)
    supervised.wait(run, lambda run: run.state == RunStatus.RUNNING)
    began = time.monotonic()
    services.stop_run(run, StopRequest.NOW)
    run = supervised.wait(run, lambda run: run.state.is_terminal)
    assert (run.state, run.exit_code) == (RunStatus.STOPPED, -9)
    assert time.monotonic() - began < 5


def test_a_trainer_that_does_not_stop_in_time_is_killed(supervised: Supervised, settings: LazySettings) -> None:
    settings.STOP_GRACE_SECONDS = 0.3
    run = supervised.new(deaf=True, pause=30)
    supervised.begin(run)
    supervised.wait(run, lambda run: run.state == RunStatus.RUNNING)
    services.stop_run(run)
    run = supervised.wait(run, lambda run: run.state.is_terminal)
    assert (run.state, run.exit_code) == (RunStatus.STOPPED, -9)


def test_a_worker_that_has_to_end_puts_its_run_back_in_the_queue(
    supervised: Supervised, monkeypatch: pytest.MonkeyPatch
) -> None:
    calm = rows.of_run(supervised.carry(supervised.new()))
    run = supervised.new(wait_at=7)
    supervised.begin(run)
    supervised.wait(run, lambda run: run.step == 7)
    with monkeypatch.context() as ending:
        ending.setattr(runs, "is_shutting_down", lambda: True)
        run = supervised.wait(run, lambda run: run.state == RunStatus.QUEUED)
    assert (run.automatic_resumes, run.stop_requested, run.ended_at) == (0, StopRequest.NONE, None)
    supervised.join()
    run = supervised.carry(run)
    assert (run.state, run.attempt) == (RunStatus.SUCCEEDED, 2)
    assert rows.of_run(run) == calm


def test_whatever_a_trainer_started_ends_with_it(supervised: Supervised) -> None:
    run = supervised.carry(supervised.new(child=True))
    assert run.state == RunStatus.SUCCEEDED
    assert is_gone(int((run.folder / "child").read_text()))


def test_what_an_earlier_worker_left_in_the_folder_ends_before_a_trainer_starts(supervised: Supervised) -> None:
    run = supervised.new()
    left = subprocess.Popen(
        [sys.executable, "-c", "import time; time.sleep(600)"],
        env=os.environ | {FAMILY: str(run.folder)},
        start_new_session=True,
    )
    assert supervised.carry(run).state == RunStatus.SUCCEEDED
    assert is_gone(left.pid)


def test_a_supervisor_whose_run_was_given_to_another_kills_its_trainer_and_writes_no_more(
    supervised: Supervised,
) -> None:
    run = supervised.new(wait_at=7)
    thread = supervised.begin(run)
    supervised.wait(run, lambda run: run.step == 7 and run.state == RunStatus.RUNNING)
    Run.objects.filter(pk=run.pk).update(attempt=7)
    thread.join(10)
    assert not thread.is_alive()
    run.refresh_from_db()
    before = (run.state, run.step, run.events_offset, run.attempt)
    assert before[0] == RunStatus.RUNNING
    (run.folder / "go").touch()  # would let it go on, if it still lived
    time.sleep(0.3)
    assert max(event.step for event in all_events(run.folder / "events.jsonl")) == 7
    run.refresh_from_db()
    assert (run.state, run.step, run.events_offset, run.attempt) == before


def test_the_trainer_goes_on_while_the_database_is_away(supervised: Supervised) -> None:
    calm = rows.of_run(supervised.carry(supervised.new()))
    run = supervised.new(wait_at=2)
    thread = supervised.begin(run)
    supervised.wait(run, lambda run: run.step == 2)
    at = connection.settings_dict
    name, server = at["NAME"], {"host": at["HOST"], "user": at["USER"], "dbname": "postgres"}
    connection.close()
    with psycopg.connect(**server, password=at["PASSWORD"], port=at["PORT"] or 5432, autocommit=True) as admin:
        try:
            admin.execute(f'ALTER DATABASE "{name}" ALLOW_CONNECTIONS false')  # type: ignore[arg-type]
            admin.execute("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = %s", [name])
            (run.folder / "go").touch()
            wait_for_event(run, "finished")
            assert thread.is_alive()
        finally:
            admin.execute(f'ALTER DATABASE "{name}" ALLOW_CONNECTIONS true')  # type: ignore[arg-type]
    run = supervised.wait(run, lambda run: run.state.is_terminal)
    assert (run.state, run.attempt, starts(run)) == (RunStatus.SUCCEEDED, 1, 1)
    assert rows.of_run(run) == calm


def test_a_claim_counts_attempts_and_keeps_the_first_start(supervised: Supervised) -> None:
    run = supervised.new()
    first = claim(run.pk)
    assert first is not None
    assert first.run.attempt == 1
    assert claim(run.pk) is None
    Run.objects.filter(pk=run.pk).update(status=RunStatus.FAILED)
    second = claim(resumed(run).pk)
    assert second is not None
    assert (second.run.attempt, second.run.started_at) == (2, first.run.started_at)


def test_a_trainer_gets_no_secrets(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DATABASE_URL", "postgresql://user:a-word-of-mine@host/name")
    monkeypatch.setenv("SANDBOX_DATABASE_PASSWORD", "a-word-of-mine")
    environment = trainer_environment(tmp_path / "runs" / "1", tmp_path)
    assert not any("a-word-of-mine" in value for value in environment.values())
    assert environment["ESPALIER_DATA"] == str(tmp_path)


def test_who_was_given_up_for_dead_ends_no_trainer_but_its_own(tmp_path: Path) -> None:
    sleeps = [sys.executable, "-c", "import time; time.sleep(600)"]
    old, new = (subprocess.Popen(sleeps, env=trainer_environment(tmp_path, tmp_path, attempt)) for attempt in (1, 2))
    end_attempt(tmp_path, 1)
    assert not psutil.pid_exists(old.pid)
    assert new.poll() is None
    end_family(tmp_path)
    assert not psutil.pid_exists(new.pid)
