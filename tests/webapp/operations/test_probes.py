"""Whether the web lives, and whether it can work: what says so, and what says why not."""

import pytest
from django.db import OperationalError
from django.db.migrations.recorder import MigrationRecorder
from django.test import Client

from webapp.operations import readiness
from workers import queue


def test_the_process_lives_whatever_the_rest_does(client: Client) -> None:
    """No access to the database is allowed here, so asking for it would fail."""
    answer = client.get("/healthz")
    assert (answer.status_code, answer.json()) == (200, {"status": "ok"})
    assert "no-store" in answer["Cache-Control"]


@pytest.mark.django_db
def test_ready_when_all_answers_and_all_tables_stand(client: Client) -> None:
    answer = client.get("/readyz")
    assert (answer.status_code, answer.json()) == (200, {"status": "ready", "failures": {}})


@pytest.mark.django_db
def test_a_migration_that_is_missing_is_named(client: Client) -> None:
    MigrationRecorder.Migration.objects.filter(app="runs", name__startswith="0001").delete()  # type: ignore[attr-defined]
    answer = client.get("/readyz")
    assert answer.status_code == 503
    assert "runs.0001" in answer.json()["failures"]["migrations"]
    assert "manage.py prepare" in answer.json()["failures"]["migrations"]


def test_what_does_not_answer_is_named_without_its_address(client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    def away() -> set[tuple[str, str]]:
        raise OperationalError("connection to postgres.example:5432, user espalier, refused")

    monkeypatch.setattr(readiness, "applied_migrations", away)
    monkeypatch.setattr(queue, "broker_answers", lambda: False)
    answer = client.get("/readyz")
    assert answer.status_code == 503
    assert set(answer.json()["failures"]) == {"database", "broker"}
    assert "example" not in answer.content.decode()


def test_a_broker_that_is_away_is_known_soon(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(
        queue.app, "connection_for_read", lambda: queue.app.connection_for_write("redis://127.0.0.1:1/0")
    )
    assert not queue.broker_answers()
