"""Takes files in, from the browser or the hub, and proposes what to make of them."""

import shutil
from collections.abc import Mapping
from datetime import timedelta
from pathlib import Path
from typing import Any

from django.core.files.uploadedfile import UploadedFile
from django.db import transaction
from django.utils import timezone

from training.reading import Column, Source, UnreadableFileError, detect_format, propose, read_rows, sniff
from webapp.accounts.models import User
from webapp.core.errors import UserError
from webapp.datasets.models import Import, ImportState
from workers import queue

KEPT_UNFINISHED = timedelta(days=14)


def start_upload(files: Mapping[str, UploadedFile | None], user: User) -> Import:
    """Take in the file ``main`` and maybe ``heldout``. Raises UserError when they cannot be read."""
    discard_old()
    given = {role: file for role in ("main", "heldout") if (file := files.get(role))}
    source = " and ".join(file.name or "file" for file in given.values())
    record = Import.objects.create(source=source[:400], created_by=user)
    try:
        record.files = [_store(record, file, role) for role, file in given.items()]
        propose_plan(record)
    except UserError:
        discard(record)
        raise
    return record


def start_hub(hub: Mapping[str, str], user: User) -> Import:
    """Have a set of the Hugging Face hub downloaded. ``hub``: name, subset, split, heldout_split, revision."""
    discard_old()
    source = "/".join(filter(None, [hub["name"], hub["subset"], hub["split"]]))
    with transaction.atomic():
        record = Import.objects.create(source=source[:400], hub=dict(hub), state=ImportState.FETCHING, created_by=user)
        queue.fetch_import(record.pk)
    return record


def retry_hub(record: Import) -> None:
    """Begin again a download that failed or lost its worker. Does nothing while one is under way."""
    with transaction.atomic():
        record = Import.objects.select_for_update().get(pk=record.pk)
        if record.state != ImportState.FAILED and not record.is_lost:
            return
        record.state, record.message, record.heartbeat_at = ImportState.FETCHING, "", timezone.now()
        record.save(update_fields=["state", "message", "heartbeat_at"])
        queue.fetch_import(record.pk)


def file_entry(record: Import, path: Path, name: str, role: str) -> dict[str, Any]:
    """What ``Import.files`` keeps of a file in the import's folder. Raises UnreadableFileError for no known format."""
    return {
        "path": str(path.relative_to(record.folder)),
        "format": detect_format(path, name),
        "name": name[:255],
        "role": role,
        "size": path.stat().st_size,
    }


def propose_plan(record: Import) -> None:
    """Look at the first rows, store a proposal and make the import ready. Raises UserError when no row is readable."""
    try:
        columns = columns_of(record)
        if not columns:
            raise UnreadableFileError(_why_no_rows(record))
    except UnreadableFileError as error:
        raise UserError(str(error)) from error
    plan = propose(columns, record.files[0]["name"]).as_json()
    if any(entry["role"] == "heldout" for entry in record.files):
        plan["split_mode"] = "train"
    record.plan, record.report, record.state = plan, {}, ImportState.READY
    record.save()


def columns_of(record: Import) -> list[Column]:
    """The columns of the first main file. Raises UnreadableFileError."""
    return sniff(read_rows(main_sources(record)[0]))


def sources_of(record: Import) -> list[Source]:
    """The import's files, for `training.reading`."""
    return [
        Source(record.folder / entry["path"], entry["format"], entry["name"], entry["role"]) for entry in record.files
    ]


def main_sources(record: Import) -> list[Source]:
    """The files that are not held out as a whole."""
    return [source for source in sources_of(record) if source.role == "main"]


def discard(record: Import) -> None:
    """Forget an import and its files. Raises UserError when it became a set: that is deleted on its own page."""
    if record.state == ImportState.DONE:
        raise UserError("This import became a problem set. Delete the set instead.", status=409)
    folder = record.folder
    record.delete()
    transaction.on_commit(lambda: shutil.rmtree(folder, ignore_errors=True))


def discard_old() -> None:
    """Forget imports that nobody finished."""
    old = Import.objects.filter(created_at__lt=timezone.now() - KEPT_UNFINISHED)
    for record in old.exclude(state=ImportState.DONE):
        discard(record)


def _store(record: Import, file: UploadedFile, role: str) -> dict[str, Any]:
    """Keep an upload under a name of our own; the one it came with is only shown."""
    path = record.folder / role
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("wb") as target:
            for chunk in file.chunks():
                target.write(chunk)
        return file_entry(record, path, file.name or "file", role)
    except UnreadableFileError as error:
        raise UserError(str(error)) from error
    except OSError as error:
        raise UserError(f"The file could not be stored ({error.strerror}). Free some space and try again.") from error


def _why_no_rows(record: Import) -> str:
    main = main_sources(record)[0]
    first = next(iter(read_rows(main)), None)
    return f"{main.name} has no row that can be read" + (f"; row {first.number}: {first.error}." if first else ".")
