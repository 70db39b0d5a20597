"""What Prometheus reads: values, cost, and who may read it."""

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone
from prometheus_client.parser import text_string_to_metric_families

from tests.factories import make_run
from tests.webapp.machines.made import made_gpu
from tests.webapp.machines.made import made_worker as made_machine
from tests.webapp.sandbox.made import made_samples, made_worker
from webapp.accounts.models import User
from webapp.operations import exposition
from webapp.operations.figures import unread
from webapp.runs.models import Run
from webapp.runs.status import RunStatus
from workers import queue

PAGE = "/metrics"
Values = dict[tuple[str, ...], float]


def read(text: str) -> Values:
    """Values by name and labels' values, by the library's own parser."""
    return {
        (sample.name, *sample.labels.values()): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }


def scrape(client: Client) -> Values:
    answer = client.get(PAGE)
    assert answer.status_code == 200
    return read(answer.content.decode())


def write_events(run: Run, *ages: float) -> int:
    """Events that are so many seconds old; returns the length of the first."""
    run.folder.mkdir(parents=True, exist_ok=True)
    lines = [json.dumps({"kind": "x", "step": 0, "at": time.time() - age}) + "\n" for age in ages]
    (run.folder / "events.jsonl").write_text("".join(lines))
    return len(lines[0])


@pytest.mark.django_db
def test_runs_are_counted_by_where_they_stand(client: Client) -> None:
    for status in (RunStatus.QUEUED, RunStatus.SUCCEEDED, RunStatus.SUCCEEDED):
        make_run(status=status)
    values = scrape(client)
    assert values["espalier_runs", "succeeded"] == 2
    assert values["espalier_runs", "queued"] == 1
    assert values["espalier_runs", "failed"] == 0
    assert values["espalier_up", "database"] == 1
    assert values["espalier_data_free_bytes",] > 0


@pytest.mark.django_db
def test_the_ingest_lag_is_the_age_of_the_oldest_event_without_a_row(client: Client) -> None:
    run = make_run(status=RunStatus.RUNNING)
    stored = write_events(run, 900, 100, 5)
    Run.objects.filter(pk=run.pk).update(events_offset=stored, heartbeat_at=timezone.now() - timedelta(seconds=40))
    values = scrape(client)
    assert 99 < values["espalier_ingest_lag_seconds",] < 160
    assert values["espalier_ingest_unread_bytes",] == (run.folder / "events.jsonl").stat().st_size - stored
    assert 39 < values["espalier_run_silence_seconds",] < 100


@pytest.mark.django_db
def test_what_is_read_does_not_lag_nor_what_is_not_there(tmp_path: Path) -> None:
    assert unread(tmp_path, 0) == (0, 0.0)
    (tmp_path / "events.jsonl").write_text('{"at": 1')
    assert unread(tmp_path, 8) == (0, 0.0)
    assert unread(tmp_path, 0) == (8, 0.0)  # a line that is being written has no age yet


@pytest.mark.django_db
def test_queues_are_counted(client: Client) -> None:
    before = scrape(client)["espalier_queue_messages", "gpu"]
    queue.app.send_task("workers.runs.supervise", [1], queue="gpu")
    values = scrape(client)
    assert values["espalier_queue_messages", "gpu"] == before + 1
    assert {name for metric, *name in values if metric == "espalier_queue_messages" for name in name} == {
        "gpu", "cpu", "preflight", "sandbox",
    }  # fmt: skip


@pytest.mark.django_db
def test_the_sandbox_is_told_as_on_its_page(client: Client) -> None:
    made_worker()
    made_samples()
    values = scrape(client)
    assert values["espalier_sandbox_workers", "ready"] == 1
    assert sum(value for (name, *_), value in values.items() if name == "espalier_sandbox_calls_total") > 0
    assert values["espalier_sandbox_latency_seconds", "p50"] <= values["espalier_sandbox_latency_seconds", "p99"]


@pytest.mark.django_db
def test_a_gpu_is_told_once_though_two_workers_share_it_and_not_when_its_workers_are_gone(client: Client) -> None:
    made_machine("gpu@here", gpus=(made_gpu(0), made_gpu(1, utilisation=None)))
    made_machine("preflight@here", gpus=(made_gpu(0),))
    gone = timezone.now() - timedelta(minutes=5)
    made_machine("gpu@there", gpus=(made_gpu(0, name="NVIDIA L4"),), heartbeat_at=gone)
    values = scrape(client)
    assert values["espalier_workers", "ready"] == 2
    assert values["espalier_workers", "lost"] == 1
    used = {key[1:]: value for key, value in values.items() if key[0] == "espalier_gpu_memory_used_bytes"}
    assert used == {(str(index), "here", made_gpu().name): made_gpu().used for index in (0, 1)}
    assert [key[1] for key in values if key[0] == "espalier_gpu_utilisation_ratio"] == ["0"]


@pytest.mark.django_db
def test_a_scrape_is_cheap(client: Client, django_assert_max_num_queries: Callable[[int], Any]) -> None:
    for number in range(20):
        make_run(f"run {number}", status=RunStatus.RUNNING)
    with django_assert_max_num_queries(6):
        scrape(client)


@pytest.mark.django_db
def test_a_part_that_is_away_is_left_out(client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    def away() -> dict[str, int]:
        raise exposition.OperationalError

    monkeypatch.setattr(queue, "messages_by_queue", away)
    values = scrape(client)
    assert (values["espalier_up", "broker"], values["espalier_up", "database"]) == (0, 1)
    assert not any(name == "espalier_queue_messages" for name, *_ in values)


@pytest.mark.django_db
def test_requests_are_timed_by_area_and_never_by_what_a_client_made_up(client: Client) -> None:
    before = scrape(client).get(("espalier_http_request_seconds_count", "unknown", "4xx"), 0)
    client.get("/no-such-page-<made-up>/")
    values = scrape(client)
    assert values["espalier_http_request_seconds_count", "unknown", "4xx"] == before + 1
    assert not any("made-up" in label for key in values for label in key)


def test_processes_of_a_web_are_counted_together(tmp_path: Path) -> None:
    """Each scrape asks one process, whichever answers; counts of one that ended stay."""
    own = {**os.environ, "PROMETHEUS_MULTIPROC_DIR": str(tmp_path)}
    count = "from webapp.operations.latency import REQUESTS; REQUESTS.labels('runs', '2xx').observe(0.2)"
    tell = (
        "from prometheus_client import CollectorRegistry, generate_latest; "
        "from prometheus_client.multiprocess import MultiProcessCollector; r = CollectorRegistry(); "
        "MultiProcessCollector(r); print(generate_latest(r).decode())"
    )
    before = "import os, django; os.environ['DJANGO_SETTINGS_MODULE'] = 'webapp.settings'; "
    for code in (before + count, before + count):
        subprocess.run([sys.executable, "-c", code], env=own, check=True)
    told = subprocess.run([sys.executable, "-c", tell], env=own, check=True, capture_output=True, text=True)
    assert read(told.stdout)["espalier_http_request_seconds_count", "runs", "2xx"] == 2


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("token", "headers", "address", "status"),
    [
        ("", {}, "127.0.0.1", 200),
        ("", {}, "::1", 200),
        ("", {}, "10.0.0.7", 401),
        ("", {"X-Forwarded-For": "10.0.0.7"}, "127.0.0.1", 401),
        ("", {"Authorization": "Bearer "}, "10.0.0.7", 401),
        ("s3cret", {}, "127.0.0.1", 401),
        ("s3cret", {"Authorization": "Bearer s3cret"}, "10.0.0.7", 200),
        ("s3cret", {"Authorization": "bearer s3cret"}, "10.0.0.7", 200),
        ("s3cret", {"Authorization": "Bearer s3cre"}, "10.0.0.7", 401),
        ("s3cret", {"Authorization": "Basic s3cret"}, "10.0.0.7", 401),
    ],
)
def test_who_may_read(
    client: Client, settings: Any, token: str, headers: dict[str, str], address: str, status: int
) -> None:
    settings.METRICS_TOKEN = token
    assert client.get(PAGE, headers=headers, REMOTE_ADDR=address).status_code == status


@pytest.mark.django_db
def test_admins_may_read_and_researchers_may_not(client: Client, admin: User, researcher: User) -> None:
    client.force_login(admin)
    assert client.get(PAGE, REMOTE_ADDR="10.0.0.7").status_code == 200
    client.force_login(researcher)
    assert client.get(PAGE, REMOTE_ADDR="10.0.0.7").status_code == 401
