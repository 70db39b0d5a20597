"""Follow a growing event file without losing or splitting a line."""

from collections.abc import Iterator
from pathlib import Path

from training.events.types import AnyEvent, parse_event

CHUNK_BYTES = 4 * 2**20
"""Most that is read at once, so that catching up with a long file stays small in memory."""


def read_events(path: Path, offset: int, limit: int = CHUNK_BYTES) -> tuple[list[AnyEvent], int]:
    """Events of the whole lines after byte ``offset``, and the offset to ask for next; like `read_lines`."""
    lines, after = read_lines(path, offset, limit)
    return [parse_event(line) for line in lines], after


def read_lines(path: Path, offset: int, limit: int = CHUNK_BYTES) -> tuple[list[bytes], int]:
    """Whole lines after byte ``offset``, and the offset to ask for next.

    Reads about ``limit`` bytes, more only when a single line is longer. A missing file holds no lines yet.
    """
    if not path.exists():
        return [], offset
    with path.open("rb") as file:
        file.seek(offset)
        chunk = file.read(limit)
        if chunk and b"\n" not in chunk:
            chunk += file.readline()
    end = chunk.rfind(b"\n") + 1
    return chunk[:end].splitlines(), offset + end


def all_events(path: Path) -> Iterator[AnyEvent]:
    """Every event of a file, in order."""
    offset = 0
    while True:
        events, after = read_events(path, offset)
        if after == offset:
            return
        yield from events
        offset = after
