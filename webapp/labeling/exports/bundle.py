"""The file that is downloaded: an archive of the labels in one format and the card that tells of them."""

import shutil
import tempfile
import zipfile
from typing import IO

from webapp.labeling.exports.card import card
from webapp.labeling.exports.files import WRITERS
from webapp.labeling.exports.records import COLUMNS, READERS
from webapp.labeling.exports.selection import Selection
from webapp.labeling.models import LabelProject

IN_MEMORY = 2**20
"""Bytes above which a file is written to disk."""
CARD = "README.md"


def bundle(project: LabelProject, kind: str, ending: str, selection: Selection) -> IO[bytes]:
    """A zip file, at its beginning, which closing deletes; rows are read a few hundred at a time.

    ``kind`` is one of `records.READERS`, ``ending`` one of `files.WRITERS`.
    """
    archive: IO[bytes] = tempfile.SpooledTemporaryFile(IN_MEMORY)  # noqa: SIM115  # the response closes it
    with zipfile.ZipFile(archive, "w", zipfile.ZIP_DEFLATED) as made, tempfile.TemporaryFile() as rows:
        WRITERS[ending](READERS[kind](project, selection), COLUMNS[kind], rows)
        rows.seek(0)
        with made.open(f"{project.slug}-{kind}.{ending}", "w", force_zip64=True) as inside:
            shutil.copyfileobj(rows, inside)
        made.writestr(CARD, card(project, selection))
    archive.seek(0)
    return archive
