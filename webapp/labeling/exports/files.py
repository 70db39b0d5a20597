"""Writes lines as JSONL, CSV or Parquet."""

import csv
import io
import json
from collections.abc import Callable, Iterable, Iterator, Mapping
from itertools import islice
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
    import pyarrow
    import pyarrow.parquet

    types = {
        "text": pyarrow.string(), "object": pyarrow.string(), "flag": pyarrow.bool_(), "number": pyarrow.float64(),
        "integer": pyarrow.int64(), "texts": pyarrow.list_(pyarrow.string()),
        "integers": pyarrow.list_(pyarrow.int64()),
    }  # fmt: skip
    schema = pyarrow.schema([(name, types[kind]) for name, kind in columns.items()])
    rows, count = iter(records), 0
    with pyarrow.parquet.ParquetWriter(file, schema) as writer:
        for batch in _batches(rows):
            values = {name: [_column(row[name]) for row in batch] for name in columns}
            writer.write_table(pyarrow.table(values, schema=schema))
            count += len(batch)
    return count


def preview_text(value: Any) -> str:
    """A value as the preview of a file shows it, cut off where it is long."""
    if isinstance(value, float):
        return f"{value:.4g}"
    text = "" if value is None else value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    return text if len(text) <= PREVIEWED else f"{text[: PREVIEWED - 1]}…"


WRITERS: dict[str, Writer] = {"jsonl": write_jsonl, "csv": write_csv, "parquet": write_parquet}
"""By the ending of the file's name."""


def _batches(rows: Iterator[Record]) -> Iterator[list[Record]]:
    while batch := list(islice(rows, ROWS)):
        yield batch


def _cell(value: Any) -> Any:
    if isinstance(value, dict | list):
        return json.dumps(value, ensure_ascii=False)
    return csv_text(value) if isinstance(value, str) else value


def _column(value: Any) -> Any:
    return json.dumps(value, ensure_ascii=False) if isinstance(value, dict) else value
