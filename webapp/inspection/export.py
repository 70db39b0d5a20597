"""Lists as files: every row that the list's filters let through, streamed, texts included."""

import csv
import json
from collections.abc import Iterator, Mapping
from typing import Any

from django.db.models import QuerySet

CHUNK = 500
COLUMNS = {
    "id": "id", "step": "step", "split": "split", "group": "group_id", "problem_id": "group__prompt__problem_id",
    "sample": "index", "greedy": "greedy", "cached": "cached", "reward": "reward", "advantage": "advantage",
    "correct": "correct", "extracted": "extracted", "reference": "group__prompt__answer", "parts": "parts",
    "finish_reason": "finish_reason", "length": "length", "selected": "selected",
    "weights_version": "weights_version", "turns": "trace__turn_count", "calls": "trace__call_count",
    "failed": "trace__failed_count", "prompt": "group__prompt__text", "response": "body__text",
}  # fmt: skip
FORMULA_STARTS = ("=", "+", "-", "@", "\t", "\r")
"""A spreadsheet takes cells that begin so for formulas."""

CONTENT_TYPES = {"csv": "text/csv; charset=utf-8", "jsonl": "application/jsonl"}


def lines(rows: QuerySet[Any], kind: str, columns: Mapping[str, str] = COLUMNS) -> Iterator[str]:
    """The lines of a ``csv`` or ``jsonl`` file, as the database gives the rows, in the order of the list.

    ``columns`` maps headings to columns; those of rollouts unless given.
    """
    values = rows.values_list(*columns.values()).iterator(chunk_size=CHUNK)
    if kind == "csv":
        writer: Any = csv.writer(_Echo())
        yield writer.writerow(columns)
        for row in values:
            yield writer.writerow([_cell(value) for value in row])
    else:
        for row in values:
            yield json.dumps(dict(zip(columns, row, strict=True)), ensure_ascii=False, default=str) + "\n"


def _cell(value: Any) -> Any:
    if isinstance(value, dict):
        value = json.dumps(value)
    if isinstance(value, str) and value.startswith(FORMULA_STARTS):
        return f"'{value}"
    return value


class _Echo:
    """A file that hands back what is written to it."""

    def write(self, line: str) -> str:
        return line
