"""Reads JSON Lines, JSON, CSV and Parquet files as rows. A bad row is a row with an error, a bad file an exception."""

import csv
import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from training.reading import parquet
from training.reading.parquet import ParquetError, parquet_rows

Format = Literal["jsonl", "json", "csv", "parquet"]
Role = Literal["main", "heldout"]

MAX_JSON_BYTES = 64 * 2**20
"""A JSON array is read into memory as a whole; larger ones had better be JSON Lines."""

_SUFFIXES: dict[str, Format] = {
    ".jsonl": "jsonl",
    ".ndjson": "jsonl",
    ".json": "json",
    ".csv": "csv",
    ".tsv": "csv",
    ".parquet": "parquet",
}
_PACKED = {".gz", ".zip", ".bz2", ".xz", ".zst", ".7z", ".tar"}

csv.field_size_limit(16 * 2**20)


class UnreadableFileError(ValueError):
    """A file that cannot be read at all; the message says why and what to do."""


@dataclass(frozen=True, slots=True)
class Source:
    """A file on disk. ``role`` heldout: all its rows are held out, whatever the plan says of the others."""

    path: Path
    format: Format
    name: str
    role: Role = "main"


@dataclass(frozen=True, slots=True)
class Row:
    """One row. ``number`` is the line (JSON Lines, CSV) or the position (JSON, Parquet) in its file, from 1."""

    number: int
    values: dict[str, Any] = field(default_factory=dict)
    error: str = ""
    raw: str = ""
    """The text of a row that could not be read; empty for others."""

    def shown(self, limit: int) -> str:
        """The row as text for a person, cut to ``limit`` characters."""
        text = self.raw or json.dumps(self.values, ensure_ascii=False, default=str)
        return text if len(text) <= limit else text[: limit - 1] + "…"


def detect_format(path: Path, name: str) -> Format:
    """The format of the file at ``path`` that its owner calls ``name``. Raises UnreadableFileError when it has none."""
    with path.open("rb") as file:
        head = file.read(65536)
    suffix = Path(name).suffix.lower()
    if not head.strip():
        raise UnreadableFileError(f"{name} is empty.")
    if head.startswith(parquet.MAGIC):
        return "parquet"
    if head.startswith(parquet.ENCRYPTED_MAGIC):
        raise UnreadableFileError(f"{name} is an encrypted Parquet file. Save it without encryption.")
    if suffix in _PACKED:
        raise UnreadableFileError(f"{name} is packed. Unpack it and choose the file inside.")
    if suffix not in _SUFFIXES:
        raise UnreadableFileError(f"{name} cannot be read: use a .jsonl, .json, .csv, .tsv or .parquet file.")
    if suffix == ".parquet":
        raise UnreadableFileError(f"{name} is not a Parquet file, though its name says so.")
    if suffix == ".json" and _is_json_lines(head):
        return "jsonl"
    return _SUFFIXES[suffix]


def read_rows(source: Source) -> Iterator[Row]:
    """The rows of a file in order. Raises UnreadableFileError when the file as a whole makes no sense."""
    return _READERS[source.format](source)


def _is_json_lines(head: bytes) -> bool:
    first, newline, rest = head.lstrip().partition(b"\n")
    if not (newline and first.startswith(b"{") and rest.lstrip().startswith(b"{")):
        return False
    try:
        json.loads(first)
    except ValueError:
        return False
    return True


def _read_jsonl(source: Source) -> Iterator[Row]:
    with source.path.open("rb") as file:
        for number, line in enumerate(file, start=1):
            if not line.strip():
                continue
            try:
                values = json.loads(line.decode("utf-8-sig" if number == 1 else "utf-8").rstrip())
                error = "" if isinstance(values, dict) else f"a JSON object was expected, this is {_kind(values)}"
            except UnicodeDecodeError as problem:
                values, error = None, f"not UTF-8 text (byte {problem.start + 1})"
            except json.JSONDecodeError as problem:
                values, error = None, f"not JSON: {problem.msg.lower()} at column {problem.colno}"
            except (ValueError, RecursionError):
                values, error = None, "JSON nested too deeply, or a number with too many digits"
            if error:
                yield Row(number, error=error, raw=line.decode("utf-8", "replace").strip())
            else:
                yield Row(number, values)


def _read_json(source: Source) -> Iterator[Row]:
    if source.path.stat().st_size > MAX_JSON_BYTES:
        raise UnreadableFileError(
            f"{source.name} is larger than {MAX_JSON_BYTES >> 20} MiB, too large for one JSON value. "
            "Save it as JSON Lines (.jsonl), one object a line."
        )
    try:
        value = json.loads(source.path.read_bytes().decode("utf-8-sig"))
    except UnicodeDecodeError as error:
        raise UnreadableFileError(f"{source.name} is not UTF-8 text (byte {error.start + 1}).") from error
    except json.JSONDecodeError as error:
        raise UnreadableFileError(f"{source.name} is not JSON: {error.msg} at line {error.lineno}.") from error
    except (ValueError, RecursionError) as error:
        raise UnreadableFileError(
            f"{source.name} is nested too deeply, or has a number with too many digits."
        ) from error
    for number, values in enumerate(_list_of_rows(source, value), start=1):
        if isinstance(values, dict):
            yield Row(number, values)
        else:
            yield Row(number, error=f"a JSON object was expected, this is {_kind(values)}", raw=json.dumps(values))


def _list_of_rows(source: Source, value: Any) -> list[Any]:
    """The array of a file, or the one array in its outermost object (as in ``{"data": […]}``)."""
    if isinstance(value, list):
        return value
    lists = [item for item in value.values() if isinstance(item, list)] if isinstance(value, dict) else []
    if len(lists) == 1:
        return list(lists[0])
    raise UnreadableFileError(f"{source.name} must hold an array of objects, or an object with one such array.")


def _read_csv(source: Source) -> Iterator[Row]:
    try:
        with source.path.open(encoding="utf-8-sig", newline="") as file:
            reader = csv.reader(file, delimiter=_delimiter(file.readline()))
            file.seek(0)
            header = _header(source, next(reader))
            before = reader.line_num
            for cells in reader:
                number, before = before + 1, reader.line_num
                if len(cells) == len(header):
                    yield Row(number, dict(zip(header, cells, strict=True)))
                elif cells:
                    raw = ",".join(cells)
                    yield Row(
                        number,
                        error=f"{len(cells)} cell{'s' * (len(cells) > 1)} where the head has {len(header)}",
                        raw=raw,
                    )
    except UnicodeDecodeError as error:
        raise UnreadableFileError(f"{source.name} is not UTF-8 text. Save it as CSV (UTF-8).") from error
    except csv.Error as error:
        raise UnreadableFileError(f"{source.name} is not CSV: {error}.") from error


def _delimiter(head: str) -> str:
    return max(",;\t|", key=head.count)


def _header(source: Source, header: list[str]) -> list[str]:
    """The column names; those without one, such as an index, are called by their position."""
    if not any(name.strip() for name in header):
        raise UnreadableFileError(f"{source.name} must start with a line of column names.")
    header = [name.strip() or f"column {position}" for position, name in enumerate(header, start=1)]
    twice = sorted({name for name in header if header.count(name) > 1})
    if twice:
        raise UnreadableFileError(f"{source.name} has the column {twice[0]!r} twice. Give each column its own name.")
    return header


def _read_parquet(source: Source) -> Iterator[Row]:
    try:
        for number, values in enumerate(parquet_rows(source.path), start=1):
            yield Row(number, values)
    except (ParquetError, OSError) as error:
        raise UnreadableFileError(f"{source.name} cannot be read as Parquet: {error}.") from error


def _kind(value: Any) -> str:
    names = {list: "an array", str: "a text", bool: "true or false", type(None): "null"}
    return names.get(type(value), "a number")


_READERS: dict[Format, Callable[[Source], Iterator[Row]]] = {
    "jsonl": _read_jsonl,
    "json": _read_json,
    "csv": _read_csv,
    "parquet": _read_parquet,
}
