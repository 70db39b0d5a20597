"""What a user does with saved checkpoints: keep for ever, remove, take away as a Hugging Face folder."""

import tarfile
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import BinaryIO

from django.utils import timezone

from training.checkpoints import PIN, STATE_FILE, CheckpointFolder
from webapp.core.errors import UserError
from webapp.runs.dependents import dependents_of
from webapp.runs.models import Checkpoint
from webapp.runs.signals import pruning_checkpoint

PRIVATE = frozenset({PIN, STATE_FILE})
"""Files that concern the run, not the model."""
COPY_BYTES = 2**20


def pin_checkpoint(checkpoint: Checkpoint, pinned: bool) -> None:
    """Keep a checkpoint whatever the run's keeping rule says, or leave it to the rule again.

    The trainer looks for the file, the page for the row. Raises UserError when the files are gone.
    """
    _must_exist(checkpoint)
    mark = checkpoint.folder / PIN
    if pinned:
        mark.touch()
    else:
        mark.unlink(missing_ok=True)
    Checkpoint.objects.filter(pk=checkpoint.pk).update(pinned=pinned)


def prune_checkpoint(checkpoint: Checkpoint) -> None:
    """Remove a checkpoint's files, for ever; the row stays as history.

    Raises UserError when it is pinned, when a live run might go on from it, or when another run starts from it.
    """
    if checkpoint.pinned:
        raise UserError(f"The checkpoint of step {checkpoint.step} is pinned. Unpin it first.")
    run = checkpoint.run
    newest = run.checkpoints.filter(removed_at=None).last()
    if not run.state.is_terminal and checkpoint == newest:
        raise UserError(
            f"Step {checkpoint.step} is where {run.name} would go on after a failure. Wait for the next checkpoint."
        )
    if user := dependents_of(run.pk, checkpoint.step).first():
        raise UserError(f"{user.name} needs this checkpoint. Wait for it, or stop it, first.")
    pruning_checkpoint.send(Checkpoint, checkpoint=checkpoint)
    try:
        CheckpointFolder(checkpoint.folder.parent).remove(checkpoint.step)
    except FileNotFoundError:
        pass  # the run's own rule was faster
    Checkpoint.objects.filter(pk=checkpoint.pk).update(removed_at=timezone.now(), best=False)


def archive_of(checkpoint: Checkpoint, name: str) -> tuple[Iterator[bytes], int]:
    """A tar of the Hugging Face folder as a stream, and its length in bytes. Raises UserError when it is gone.

    All files are opened first: whoever removes the checkpoint meanwhile does not break the download.
    """
    _must_exist(checkpoint)
    opened = ExitStack()
    entries = []
    for path in sorted(checkpoint.folder.rglob("*")):
        if path.is_file() and path.name not in PRIVATE:
            file = opened.enter_context(path.open("rb"))
            entries.append((_header(f"{name}/{path.relative_to(checkpoint.folder)}", path), file))
    length = sum(len(header.tobuf()) + _padded(header.size) for header, _ in entries) + 2 * tarfile.BLOCKSIZE
    return _stream(entries, opened), length


def _stream(entries: Sequence[tuple[tarfile.TarInfo, BinaryIO]], opened: ExitStack) -> Iterator[bytes]:
    with opened:
        for header, file in entries:
            yield header.tobuf()
            left = header.size
            while left and (block := file.read(min(left, COPY_BYTES))):
                left -= len(block)
                yield block
            yield bytes(_padded(header.size) - header.size + left)
    yield bytes(2 * tarfile.BLOCKSIZE)


def _header(name: str, path: Path) -> tarfile.TarInfo:
    header = tarfile.TarInfo(name)
    status = path.stat()
    header.size, header.mtime, header.mode = status.st_size, int(status.st_mtime), 0o644
    return header


def _padded(size: int) -> int:
    return -(-size // tarfile.BLOCKSIZE) * tarfile.BLOCKSIZE


def _must_exist(checkpoint: Checkpoint) -> None:
    if checkpoint.removed_at or not checkpoint.folder.is_dir():
        raise UserError(f"The files of step {checkpoint.step} are no longer there.", status=410)
