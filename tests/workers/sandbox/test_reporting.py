"""What a sandbox worker writes into the database, and what it does when it may not start."""

from datetime import timedelta
from types import SimpleNamespace
from typing import Any

import pytest
from django.db import Error
from django.utils import timezone

from tests.webapp.sandbox.made import made_run, made_samples, made_status, made_worker
from training.sandbox.types import ExecutionResult, SandboxRefusedError
from webapp.core.stack.child import REFUSED_EXIT_CODE
from webapp.sandbox import models
from webapp.sandbox.models import ConsoleCall, SandboxSample, SandboxWorker, WorkerState
from workers.sandbox import reporting, service
from workers.sandbox.reporting import Reporter, prune

pytestmark = pytest.mark.django_db


def test_a_worker_that_finds_no_isolation_says_why_and_ends(monkeypatch: pytest.MonkeyPatch, capsys: Any) -> None:
    def refuse(**_: Any) -> None:
        raise SandboxRefusedError("neither namespaces nor Landlock")

    monkeypatch.setattr(service, "LocalSandbox", refuse)
    monkeypatch.setattr(reporting.connection, "close", lambda: None)
    made_worker("sandbox@here")
    with pytest.raises(SystemExit) as ended:
        service._open(sender=SimpleNamespace(hostname="sandbox@here"))
    assert ended.value.code == REFUSED_EXIT_CODE
    row = SandboxWorker.objects.get()
    assert (row.state, row.message, row.values) == (WorkerState.REFUSED, "neither namespaces nor Landlock", {})
    assert "refuses to start: neither namespaces nor Landlock" in capsys.readouterr().err


def test_samples_are_written_only_while_there_is_something_to_do() -> None:
    reporter = Reporter("sandbox@here")
    reporter.round(made_status(in_flight=0))
    assert SandboxSample.objects.count() == 0
    reporter = Reporter("sandbox@here")
    for status, seconds in (("ok", 0.001), ("error", 0.01), ("sandbox_died", 0.1)):
        reporter.sampler.note(ExecutionResult("1", status, wall_s=seconds / 2, queue_s=seconds / 2))  # type: ignore[arg-type]
    reporter.round(made_status(in_flight=0))
    sample = SandboxSample.objects.get()
    assert sample.outcomes == {"ok": 1, "error": 1, "sandbox_died": 1}
    assert sample.total == {"0": 1, "20": 1, "40": 1}
    assert sample.wall == {"0": 1, "13": 1}


def test_a_sample_that_could_not_be_written_is_written_later(monkeypatch: pytest.MonkeyPatch) -> None:
    def away(*_: Any, **__: Any) -> None:
        raise Error("the database is away")

    reporter = Reporter("sandbox@here")
    reporter.sampler.note(ExecutionResult("1", "ok"))
    with monkeypatch.context() as broken:
        broken.setattr(reporting, "tell", away)
        broken.setattr(reporting.connection, "close", lambda: None)
        reporter.round(made_status())
    assert SandboxSample.objects.count() == 0
    reporter.round(made_status())
    assert SandboxSample.objects.get().outcomes == {"ok": 1}


def test_what_is_old_is_forgotten(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reporting, "KEPT_CONSOLE_CALLS", 3)
    old = timezone.now() - timedelta(days=3)
    made_worker("new")
    made_worker("old", WorkerState.STOPPED, heartbeat_at=old)
    made_samples(4)
    SandboxSample.objects.filter(pk=SandboxSample.objects.order_by("pk")[0].pk).update(at=old)
    rows = [made_run(created_at=old) for _ in range(5)]
    prune()
    assert [worker.name for worker in SandboxWorker.objects.all()] == ["new"]
    assert SandboxSample.objects.count() == 3
    assert {row.pk for row in ConsoleCall.objects.all()} == {row.pk for row in rows[2:]}
    assert timedelta(hours=24) < models.KEPT_SAMPLES  # the longest window of the charts
