"""Carries what a user wrote into the console: a row in, a row out."""

from collections.abc import Callable
from concurrent.futures import Future
from typing import Any

from django.utils import timezone

from training.sandbox.types import Call, ExecutionResult
from webapp.sandbox.models import ConsoleCall


def carry(console_id: int, worker: str, submit: Callable[[Call, float], "Future[ExecutionResult]"]) -> None:
    """Run a console's call that has not ended, and store its result. Raises django.db.Error."""
    row = ConsoleCall.objects.filter(pk=console_id, values__isnull=True).first()
    if row is None:
        return
    waiting = ConsoleCall.objects.filter(pk=row.pk, values__isnull=True)
    waiting.update(worker=worker)
    waited = max((timezone.now() - row.created_at).total_seconds(), 0.0)
    waiting.update(values=storable(submit(row.call, waited).result()))


def storable(result: ExecutionResult) -> dict[str, Any]:
    """For PostgreSQL, which stores neither NUL nor halves of surrogate pairs."""
    values = result.as_dict()
    values |= {"error": values["error"] and _clean(values["error"])}
    return _clean(values)


def _clean(values: dict[str, Any]) -> dict[str, Any]:
    return {
        name: value.replace("\x00", "\ufffd").encode("utf-8", "replace").decode() if isinstance(value, str) else value
        for name, value in values.items()
    }
