"""The sandbox's page: its states, its console, what its charts get, who may do what."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone

from tests.made_traces import Made, make_agentic_run, make_traced_group
from tests.webapp.sandbox.made import HOSTILE, made_run, made_samples, made_worker
from training.sandbox import tiers
from training.sandbox.types import STATUSES, ExecutionResult, ProgramError
from webapp.accounts.models import User
from webapp.inspection.models import ToolCall
from webapp.sandbox.models import ConsoleCall, WorkerState
from webapp.sandbox.words import OUTCOMES, TIERS
from workers import queue
from workers.queue import Waiting

pytestmark = pytest.mark.django_db
PAGE = "/sandbox/"


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Ids that were sent to the workers."""
    sent: list[int] = []
    monkeypatch.setattr(queue, "run_console_call", sent.append)
    return sent


@pytest.fixture
def call(db: None) -> ToolCall:
    """A call of a response of a run with limits of its own."""
    run = make_agentic_run()
    run.config["method"]["agentic"]["tool_seconds"] = 7.5
    run.save()
    make_traced_group(run, [[("I compute.", [Made("print(40 + 2)", stdout="42\n")]), ("42", [])]], rewards=[1.0])
    return ToolCall.objects.get(run=run)


def test_every_isolation_and_outcome_has_words() -> None:
    assert set(TIERS) == set(tiers.BY_NAME)
    assert set(OUTCOMES) == set(STATUSES)


def test_without_a_worker_it_says_how_to_start_one(researcher_client: Client) -> None:
    text = researcher_client.get(PAGE).content.decode()
    assert "No sandbox worker runs" in text
    assert "celery --app workers.sandbox.app worker" in text
    assert "SANDBOX_WORKERS" in text


def test_a_worker_is_shown_with_its_isolation_its_work_and_its_failures(
    researcher_client: Client, django_assert_max_num_queries: Callable[[int], Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(queue, "waiting_for_sandbox", lambda: Waiting(2, 9, 12.0))
    made_worker()
    with django_assert_max_num_queries(3):
        text = researcher_client.get(PAGE).content.decode()
    for words in ("Takes calls", "Namespaces, without root", "3 of 6 slots, 4 wait", "p50 12 ms", "9 calls wait",
                  "the oldest for 12 s", "90.0 %", "2 failed through no fault", "a fork server was lost"):  # fmt: skip
        assert words in text, words
    assert HOSTILE not in text
    assert "&lt;script&gt;" in text


def test_a_refusal_is_shown_with_its_reason(researcher_client: Client) -> None:
    made_worker(state=WorkerState.REFUSED, message=f"no isolation could be proven {HOSTILE}")
    text = researcher_client.get(PAGE).content.decode()
    assert "Refused to start" in text
    assert "no isolation could be proven &lt;script&gt;" in text
    assert "No sandbox worker runs" not in text


def test_a_silent_worker_is_lost_and_takes_no_part(researcher_client: Client) -> None:
    made_worker(heartbeat_at=timezone.now() - timedelta(minutes=1))
    shown = researcher_client.get(PAGE, {"format": "json"}).json()
    assert shown["workers"][0]["state"] == "lost"
    assert shown["together"]["slots"] == 0
    text = researcher_client.get(PAGE).content.decode()
    assert "Lost" in text
    assert "No sandbox worker runs" in text


def test_a_broker_that_is_away_is_said_to_be(researcher_client: Client) -> None:
    assert "broker does not answer" in researcher_client.get("/sandbox/status/").content.decode()  # tests have none


def test_percentiles_come_from_the_sums_of_samples(researcher_client: Client) -> None:
    made_samples(40)
    columns = researcher_client.get("/sandbox/figures/", {"window": "15m"}).json()["columns"]
    assert 19 <= len(columns["at"]) <= 22
    middle = len(columns["at"]) // 2
    assert columns["p50"][middle] == pytest.approx(1.05, rel=0.06)
    assert columns["p95"][middle] == pytest.approx(10.5, rel=0.06)
    assert columns["rate"][middle] == pytest.approx(10, rel=0.51)
    assert sum(columns["failed"]) >= 36  # a stretch at either end may not be whole
    assert max(columns["waiting"]) >= 36


def test_charts_of_no_traffic_are_empty(researcher_client: Client) -> None:
    shown = researcher_client.get("/sandbox/figures/", {"window": "no such"}).json()
    assert (shown["columns"], shown["window"]) == ({}, "1h")


def test_a_program_is_sent_to_the_workers(researcher_client: Client, researcher: User, asked: list[int]) -> None:
    response = researcher_client.post("/sandbox/run/", {"program": "print(input())\r\n", "stdin": "a\r\nb"})
    row = ConsoleCall.objects.get()
    assert (response.status_code, response["Location"]) == (302, f"/sandbox/?run={row.pk}")
    assert (row.program, row.stdin, row.created_by, asked) == ("print(input())\n", "a\nb", researcher, [row.pk])
    assert row.call.limits.wall_s == 4.0
    page = researcher_client.get(response["Location"]).content.decode()
    assert "waiting" in page
    assert f'hx-get="/sandbox/run/{row.pk}/"' in page


def test_htmx_gets_the_place_of_the_result_and_an_address(researcher_client: Client, asked: list[int]) -> None:
    response = researcher_client.post("/sandbox/run/", {"program": "1"}, headers={"hx-request": "true"})
    row = ConsoleCall.objects.get()
    assert response["HX-Push-Url"] == f"/sandbox/?run={row.pk}"
    assert "<html" not in response.content.decode()


def test_a_program_that_waits_with_nobody_to_take_it_is_said_to(researcher_client: Client) -> None:
    row = made_run(created_at=timezone.now() - timedelta(seconds=10))
    assert "No sandbox worker runs" in researcher_client.get(f"/sandbox/run/{row.pk}/").content.decode()
    made_worker()
    assert "busy with other calls" in researcher_client.get(f"/sandbox/run/{row.pk}/").content.decode()


def test_a_result_is_shown_in_full_and_as_plain_text(researcher_client: Client) -> None:
    result = ExecutionResult(
        "console-1", "error", exit_code=1, stdout=f"out {HOSTILE}", stderr=f"err {HOSTILE}", value=f"val {HOSTILE}",
        error=ProgramError("ValueError", f"no {HOSTILE}", 3, f"raise {HOSTILE}"), truncated=True, wall_s=0.5,
        queue_s=0.25, cpu_s=0.125, max_rss_mb=33.0, tier="ll-user",
    )  # fmt: skip
    row = made_run(result=result, worker="sandbox@here")
    text = researcher_client.get(f"/sandbox/run/{row.pk}/").content.decode()
    for words in ("ValueError</b> at line 3", "out &lt;script&gt;", "err &lt;script&gt;", "val &lt;script&gt;",
                  "raise &lt;script&gt;", "⟦202E⟧", "more output than is kept", "0.5 s by the clock", "0.125 s of CPU",
                  "0.25 s of waiting", "Landlock, without root", "sandbox@here"):  # fmt: skip
        assert words in text, words
    assert "<script>alert" not in text
    assert "hx-get" not in text


def test_a_failure_of_the_service_is_no_fault_of_the_program(researcher_client: Client) -> None:
    row = made_run(result=ExecutionResult("1", "queue_timeout", detail="waited 600 s for a worker"))
    text = researcher_client.get(f"/sandbox/run/{row.pk}/").content.decode()
    assert "the service&#x27;s fault" in text
    assert "waited 600 s for a worker" in text
    assert "wrote nothing" not in text


def test_a_call_of_a_response_is_run_again_under_its_runs_limits(
    researcher_client: Client, call: ToolCall, asked: list[int]
) -> None:
    text = researcher_client.get(PAGE, {"call": call.pk}).content.decode()
    assert "print(40 + 2)</textarea>" in text
    assert "7.5 s by the clock" in text
    assert f"/rollouts/{call.rollout_id}/" in text
    researcher_client.post("/sandbox/run/", {"program": "print(43)", "call": call.pk})
    row = ConsoleCall.objects.get()
    assert (row.source, row.call.limits.wall_s, row.call.limits.cpu_s) == (call.pk, 7.5, 8)
    assert "perhaps changed" in researcher_client.get(PAGE, {"run": row.pk}).content.decode()


def test_a_call_without_a_readable_program_says_so(researcher_client: Client, call: ToolCall) -> None:
    ToolCall.objects.filter(pk=call.pk).update(arguments="{broken")
    assert "No program could be read off" in researcher_client.get(PAGE, {"call": call.pk}).content.decode()


@pytest.mark.parametrize("asked_for", [{"call": "99"}, {"run": "99"}, {"run": "x"}, {"call": "9" * 30}])
def test_what_is_not_there_is_said_in_words(researcher_client: Client, asked_for: dict[str, str]) -> None:
    response = researcher_client.get(PAGE, asked_for)
    assert response.status_code == 404
    assert "There is no such" in response.content.decode()
    assert researcher_client.get("/sandbox/run/99/").status_code == 404


def test_viewers_look_and_run_nothing(client: Client, viewer: User, asked: list[int]) -> None:
    client.force_login(viewer)
    text = client.get(PAGE).content.decode()
    assert "needs the role researcher" in text
    assert "Run program" not in text
    assert client.post("/sandbox/run/", {"program": "print(1)"}).status_code == 403
    assert (ConsoleCall.objects.count(), asked) == (0, [])


@pytest.mark.parametrize("program", ["", "print('\x00')", "x" * 100_001])
def test_what_cannot_be_run_is_refused_in_words(researcher_client: Client, asked: list[int], program: str) -> None:
    response = researcher_client.post("/sandbox/run/", {"program": program}, headers={"hx-request": "true"})
    assert response.status_code == 400
    assert "Program: " in response.content.decode()
    assert asked == []
