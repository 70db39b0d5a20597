"""Copies everything that cannot be computed again: the database, and files of the data folder."""

import os
import secrets
import tempfile
from collections.abc import Iterator
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path

from django.conf import settings

from webapp.operations import postgres_tools
from webapp.operations.archive import DATABASE, FILES, Head, Writer
from webapp.operations.readiness import applied_migrations

SMALL = ("problem-sets", "uploads", "generations", "teachings")
"""Folders that every backup holds."""
RUNS = "runs"
CHECKPOINTS = "checkpoints"


def back_up(to: Path, runs: bool = False, checkpoints: bool = False) -> Path:
    """Write a backup; returns its file. ``to`` is its name, or a folder that gets a file named by the time.

    ``runs`` adds logs and events of runs, ``checkpoints`` these and their checkpoints. The file has its name only when
    it is whole. Raises ToolFailed or OSError.
    """
    now = datetime.now(UTC)
    target = to / f"espalier-{now:%Y%m%d-%H%M%S}.tar" if to.is_dir() else to
    draft = target.with_name(f".{target.name}.{secrets.token_hex(4)}")
    folders = [*SMALL, *([RUNS] if runs or checkpoints else [])]
    try:
        with postgres_tools.database_up(), tempfile.TemporaryDirectory(dir=target.parent) as aside:
            applied = sorted(f"{app}.{name}" for app, name in applied_migrations())
            head = Head(created_at=now.isoformat(), migrations=applied, folders=folders, checkpoints=checkpoints)
            database = Path(aside) / DATABASE
            postgres_tools.dump(database)
            # Files after rows: what a row names is there, and what came later is taken up when its run goes on.
            with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
                _write(Writer(file, head), database, folders, checkpoints)
                os.fsync(file.fileno())
        draft.replace(target)
    finally:
        with suppress(FileNotFoundError):
            draft.unlink()
    return target


def _write(writer: Writer, database: Path, folders: list[str], checkpoints: bool) -> None:
    writer.add(DATABASE, database)
    for folder in folders:
        for path in _files(settings.ESPALIER_DATA / folder, checkpoints):
            writer.add(f"{FILES}{path.relative_to(settings.ESPALIER_DATA).as_posix()}", path)
    writer.finish()


def _files(folder: Path, checkpoints: bool) -> Iterator[Path]:
    for parent, names, files in os.walk(folder):
        if not checkpoints and CHECKPOINTS in names:
            names.remove(CHECKPOINTS)
        for name in sorted(files):
            path = Path(parent) / name
            if path.is_file() and not path.is_symlink():
                yield path
