"""Writes lines as JSONL, CSV or Parquet."""

import csv
import io
import json
import math
import tempfile
from collections.abc import Callable, Iterable, Mapping
from typing import Any, BinaryIO

from webapp.labeling.exports.records import ColumnType, Record
from webapp.reports.exports.safe import csv_text

Columns = Mapping[str, ColumnType]
Writer = Callable[[Iterable[Record], Columns, BinaryIO], int]
ROWS = 2000
"""Rows of a Parquet file that are in memory at a time."""
PREVIEWED = 160
"""Characters of a value in a preview."""


def write_jsonl(records: Iterable[Record], columns: Columns, file: BinaryIO) -> int:
    """One object a line; returns how many."""
    count = 0
    for count, record in enumerate(records, start=1):  # noqa: B007  # the last is the number of lines
        file.write(json.dumps(record, ensure_ascii=False).encode() + b"\n")
    return count


def write_csv(records: Iterable[Record], columns: Columns, file: BinaryIO) -> int:
    """A table with a head; lists and objects are cells of JSON, and no text is taken for a formula."""
    text = io.TextIOWrapper(file, encoding="utf-8", newline="", write_through=True)
    writer, count = csv.writer(text), 0
    writer.writerow(columns)
    for count, record in enumerate(records, start=1):  # noqa: B007
        writer.writerow([_cell(record[name]) for name in columns])
    text.detach()
    return count


def write_parquet(records: Iterable[Record], columns: Columns, file: BinaryIO) -> int:
    """Columns with types; objects are texts of JSON, since their keys differ from row to row."""
    # Loaded here: pages that export nothing need not wait for it.
    from arro3.core import DataType, Field, Schema
    from arro3.io import read_json, write_parquet

    # Lists are nullable and so are their elements, which have the name that the format gives them.
    texts, integers = (DataType.list(Field("element", kind)) for kind in (DataType.string(), DataType.int64()))
    types = {
        "text": DataType.string(), "object": DataType.string(), "flag": DataType.bool(), "number": DataType.float64(),
        "integer": DataType.int64(), "texts": texts, "integers": integers,
    }  # fmt: skip
    schema = Schema([Field(name, types[kind]) for name, kind in columns.items()])
    # By way of lines of JSON on disk, since the library makes no lists of Python's.
    with tempfile.TemporaryFile() as lines:
        count = write_jsonl(({name: _column(row[name]) for name in columns} for row in records), columns, lines)
        lines.seek(0)
        reader = read_json(lines, schema, batch_size=ROWS)
        write_parquet(reader, file, compression="snappy", max_row_group_size=ROWS)
    return count


def preview_text(value: Any) -> str:
    """A value as the preview of a file shows it, cut off where it is long."""
    if isinstance(value, float):
        return f"{value:.4g}"
    text = "" if value is None else value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    return text if len(text) <= PREVIEWED else f"{text[: PREVIEWED - 1]}…"


WRITERS: dict[str, Writer] = {"jsonl": write_jsonl, "csv": write_csv, "parquet": write_parquet}
"""By the ending of the file's name."""


def _cell(value: Any) -> Any:
    if isinstance(value, dict | list):
        return json.dumps(value, ensure_ascii=False)
    return csv_text(value) if isinstance(value, str) else value


def _column(value: Any) -> Any:
    if isinstance(value, float) and not math.isfinite(value):
        return None  # JSON has no such numbers
    return json.dumps(value, ensure_ascii=False) if isinstance(value, dict) else value
