"""Reads a growing log in pieces, by byte offset, in whole lines."""

import re
from dataclasses import dataclass
from pathlib import Path

CHUNK_BYTES = 64 * 1024
TERMINAL_CODES = re.compile(r"\x1b\[[0-9;?]*[ -/]*[@-~]|\x1b\][^\x07]*\x07")
"""Colours and cursor moves, which a page has no use for."""


@dataclass(frozen=True, slots=True)
class Lines:
    """A piece of a log: whole lines from byte ``start`` to byte ``end``, in a file of ``size`` bytes."""

    text: str
    start: int
    end: int
    size: int
    unfinished: str = ""
    """What stands after the last newline; read again later, as it may go on."""


def lines_after(file: Path, offset: int) -> Lines:
    """The lines that begin at ``offset``, about 64 KB at most. Starts over when the file has become shorter."""
    size = size_of(file)
    start = offset if offset <= size else 0
    chunk = _read(file, start, CHUNK_BYTES)
    end = start + chunk.rfind(b"\n") + 1
    if end == start and len(chunk) == CHUNK_BYTES:  # one line longer than a chunk comes in parts
        end = start + len(chunk)
    rest = chunk[end - start :] if start + len(chunk) >= size else b""
    return Lines(_as_text(chunk[: end - start]), start, end, size, _as_text(rest))


def lines_before(file: Path, offset: int) -> Lines:
    """The lines that end at or before ``offset``, about 64 KB at most."""
    size = size_of(file)
    stop = min(offset, size)
    begin = max(0, stop - CHUNK_BYTES)
    chunk = _read(file, begin, stop - begin)
    cut = chunk.find(b"\n") + 1 if begin else 0  # the first line is a part of one
    end = stop - len(chunk) + chunk.rfind(b"\n") + 1
    unfinished = chunk[end - begin :] if stop == size else b""
    return Lines(_as_text(chunk[cut : end - begin]), begin + cut, end, size, _as_text(unfinished))


def size_of(file: Path) -> int:
    try:
        return file.stat().st_size
    except FileNotFoundError:
        return 0


def _read(file: Path, start: int, count: int) -> bytes:
    if count <= 0 or not file.exists():
        return b""
    with file.open("rb") as source:
        source.seek(start)
        return source.read(count)


def _as_text(raw: bytes) -> str:
    """What a terminal would show in the end: no colours, and of a line that was overwritten only its last state."""
    text = TERMINAL_CODES.sub("", raw.decode(errors="replace")).replace("\r\n", "\n")
    return "\n".join(line.rstrip("\r").rsplit("\r", 1)[-1] for line in text.split("\n"))
