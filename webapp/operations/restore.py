"""Puts a backup in the place of what is there."""

import gzip
import shutil
import tempfile
from datetime import UTC, datetime
from pathlib import Path

from django.conf import settings
from django.db import connection

from webapp.operations import postgres_tools
from webapp.operations.archive import Head, NoBackup, Reader
from webapp.operations.readiness import known_migrations


def restore(path: Path, replace: bool = False) -> tuple[Head, Path | None]:
    """Restore from a file; returns its head, and the folder to which files that stood here were moved, if any.

    The archive is read to its end before anything changes, and its tables arrive in one transaction. ``replace`` allows
    a database that holds something. Raises NoBackup, ToolFailed or OSError.
    """
    with Reader.opened(path) as archive:
        _refuse_newer(archive.head)
        with postgres_tools.database_up():
            _refuse_use(replace)
            data = settings.ESPALIER_DATA
            with tempfile.TemporaryDirectory(dir=data, prefix=".restore-") as aside:
                archive.extract_files(Path(aside))
                with archive.database() as packed, gzip.GzipFile(fileobj=packed) as sql:
                    postgres_tools.load(sql)  # type: ignore[arg-type]
                return archive.head, _move_in(Path(aside), data, archive.head.folders)


def _refuse_newer(head: Head) -> None:
    known = {f"{app}.{name}" for app, name in known_migrations()}
    if unknown := sorted(set(head.migrations) - known):
        more = f" and {len(unknown) - 1} more" if len(unknown) > 1 else ""
        raise NoBackup(
            f"It was made by another version of Espalier, which had {unknown[0]}{more}. "
            "Restore it with that version, then upgrade."
        )


def _refuse_use(replace: bool) -> None:
    if postgres_tools.has_tables() and not replace:
        raise NoBackup("The database holds something already. To have the backup in its place, add --replace.")
    if others := postgres_tools.others_connected():
        raise NoBackup(f"{others} other connections use the database. Stop the web and all workers first.")
    connection.close()


def _move_in(aside: Path, data: Path, folders: list[str]) -> Path | None:
    """What stood here is kept: no file of a user is deleted."""
    old = data / f"before-restore-{datetime.now(UTC):%Y%m%d-%H%M%S}"
    for name in folders:
        if (data / name).exists():
            old.mkdir(exist_ok=True)
            (data / name).rename(old / name)
        (aside / name).mkdir(exist_ok=True)
        shutil.move(aside / name, data / name)
    return old if old.exists() else None
