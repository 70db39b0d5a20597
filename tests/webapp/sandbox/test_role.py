"""Sandbox workers reach their own tables as a role of the database, and nothing else."""

import uuid
from collections.abc import Iterator
from concurrent.futures import Future
from contextlib import contextmanager

import pytest
from django.core.management import CommandError, call_command
from django.db import ProgrammingError, connection, transaction
from django.utils import timezone
from psycopg import sql
from psycopg.errors import InsufficientPrivilege
from pytest_django import Settings

from tests.webapp.sandbox.made import made_run
from training.sandbox.types import ExecutionResult
from webapp.sandbox import role
from webapp.sandbox.models import ConsoleCall, SandboxSample, SandboxWorker, WorkerState
from workers.sandbox import console, reporting

pytestmark = pytest.mark.django_db
OTHERS = "accounts_user", "runs_run", "django_session", "inspection_rollout", "django_migrations"
FORBIDDEN = "SELECT * FROM {}", "DELETE FROM {}", "TRUNCATE {}", "ALTER TABLE {} ADD mine int"


@pytest.fixture
def name() -> str:
    """Of a role that no other test knows; a test's end takes it back."""
    return f"sandbox_{uuid.uuid4().hex[:12]}"


@contextmanager
def as_role(name: str) -> Iterator[None]:
    with connection.cursor() as cursor:
        cursor.execute(sql.SQL("SET LOCAL ROLE {}").format(sql.Identifier(name)))
        yield
        cursor.execute("RESET ROLE")


def run(statement: sql.Composed | str) -> None:
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(statement)


def exists(name: str) -> bool:
    with connection.cursor() as cursor:
        cursor.execute("SELECT 1 FROM pg_roles WHERE rolname = %s", [name])
        return cursor.fetchone() is not None


def test_a_worker_does_all_its_work_as_that_role(name: str) -> None:
    call = made_run()
    answered: Future[ExecutionResult] = Future()
    answered.set_result(ExecutionResult("1", "ok", 0, value="6"))
    role.grant_role(name, "a")
    role.grant_role(name, "b")
    with as_role(name):
        reporting.tell("sandbox@here", WorkerState.READY)
        reporting.tell("sandbox@here", WorkerState.STOPPED)
        figures = {"in_flight": 0, "queued": 0, "seconds": 5.0}
        SandboxSample.objects.bulk_create([SandboxSample(worker="sandbox@here", at=timezone.now(), **figures)])
        console.carry(call.pk, "sandbox@here", lambda asked, waited: answered)
        reporting.prune()
        SandboxWorker.objects.all().delete()
        SandboxSample.objects.all().delete()
        ConsoleCall.objects.all().delete()


def test_nothing_else_is_open_to_it(name: str) -> None:
    role.grant_role(name, "a")
    with as_role(name):
        for table in OTHERS:
            for words in FORBIDDEN:
                with pytest.raises(ProgrammingError) as refused:
                    run(sql.SQL(words).format(sql.Identifier(table)))
                assert isinstance(refused.value.__cause__, InsufficientPrivilege)
        with pytest.raises(ProgrammingError, match="permission denied for schema public"):
            run("CREATE TABLE mine (a int)")


def test_prepare_s_command_makes_it_where_there_is_a_password(settings: Settings, name: str) -> None:
    settings.SANDBOX_DATABASE_PASSWORD = ""
    call_command("sandbox_role")
    assert not exists(role.role_name())
    settings.SANDBOX_DATABASE_PASSWORD = "b"
    call_command("sandbox_role")
    assert exists(role.role_name())
    role.grant_role(name, "a")
    with as_role(name), pytest.raises(CommandError, match="Give the database's user the right to create roles"):
        call_command("sandbox_role")
