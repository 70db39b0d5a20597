"""Files of items between their upload and the click that adds them: one folder each, thrown away after a day."""

import shutil
import time
from contextlib import suppress
from pathlib import Path
from uuid import UUID, uuid4

from django.conf import settings
from django.core.exceptions import SuspiciousFileOperation
from django.core.files.uploadedfile import UploadedFile
from django.utils.text import get_valid_filename

from webapp.core.errors import UserError

KEPT_SECONDS = 24 * 3600


def keep(file: UploadedFile) -> UUID:
    """Store an upload and return the key by which `kept` finds it. Raises UserError when there is no room."""
    _discard_old()
    key = uuid4()
    try:
        _folder(key).mkdir(parents=True)
        with (_folder(key) / _harmless(file.name or "")).open("wb") as target:
            for chunk in file.chunks():
                target.write(chunk)
    except OSError as error:
        discard(key)
        raise UserError(f"The file could not be stored ({error.strerror}). Free some space and try again.") from error
    return key


def kept(key: UUID) -> Path:
    """The stored file, under the name it came with. Raises UserError (404) when it is gone."""
    found = next(iter(_folder(key).glob("*")), None)
    if found is None:
        raise UserError("This file is gone: its items were added, or it waited for a day. Upload it again.", status=404)
    return found


def discard(key: UUID) -> None:
    shutil.rmtree(_folder(key), ignore_errors=True)


def _folder(key: UUID) -> Path:
    return Path(settings.UPLOADS_DIR) / "labeling" / str(key)


def _harmless(name: str) -> str:
    try:
        return get_valid_filename(name)[-100:].lstrip(".") or "file"
    except SuspiciousFileOperation:
        return "file"


def _discard_old() -> None:
    for folder in (Path(settings.UPLOADS_DIR) / "labeling").glob("*"):
        with suppress(FileNotFoundError):  # its items were added a moment ago, or another upload was quicker
            if time.time() - folder.stat().st_mtime > KEPT_SECONDS:
                shutil.rmtree(folder, ignore_errors=True)
