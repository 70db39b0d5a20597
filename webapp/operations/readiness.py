"""What the web needs to answer pages: the database, its tables, the broker."""

import logging
from functools import cache

from django.db import Error, connection
from django.db.migrations.loader import MigrationLoader
from django.db.migrations.recorder import MigrationRecorder

from workers import queue

logger = logging.getLogger(__name__)

NAMED_MIGRATIONS = 5


def failures() -> dict[str, str]:
    """Why each part that fails does, by its name; empty when all is well. Words hold no address and no secret."""
    found: dict[str, str] = {}
    try:
        missing = sorted(known_migrations() - applied_migrations())
    except Error as error:
        logger.warning("the database does not answer: %s", str(error).strip())
        found["database"] = "The database does not answer."
    else:
        if missing:
            named = ", ".join(f"{app}.{name}" for app, name in missing[:NAMED_MIGRATIONS])
            more = len(missing) - NAMED_MIGRATIONS
            found["migrations"] = (
                f"Not applied: {named}{f' and {more} more' if more > 0 else ''}. Run manage.py prepare."
            )
    if not queue.broker_answers():
        found["broker"] = "The message broker does not answer."
    return found


def applied_migrations() -> set[tuple[str, str]]:
    """App and name of each, by the database; one query once a process has seen the table."""
    return set(MigrationRecorder(connection).applied_migrations())


@cache
def known_migrations() -> frozenset[tuple[str, str]]:
    """App and name of each that this version has: files do not change while a process lives."""
    return frozenset(MigrationLoader(None).disk_migrations)
