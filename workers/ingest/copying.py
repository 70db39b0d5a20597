"""Rows in bulk: keys taken ahead, and PostgreSQL's binary COPY."""

from collections.abc import Iterator, Sequence
from typing import Any

from django.db import connection


def new_ids(model: Any, count: int) -> Sequence[int]:
    """Keys taken from the table's own sequence, so that rows can point to each other before they are stored."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT nextval(pg_get_serial_sequence(%s, 'id')) FROM generate_series(1, %s)",
            [model._meta.db_table, count],
        )
        return [key for (key,) in cursor.fetchall()]


def copy_rows(model: Any, columns: dict[str, str], values: Iterator[tuple[Any, ...]]) -> None:
    """Store rows; `columns` are PostgreSQL's types by column."""
    names = ", ".join(f'"{name}"' for name in columns)
    with (
        connection.wrap_database_errors,
        connection.cursor() as cursor,
        cursor.copy(f"COPY {model._meta.db_table} ({names}) FROM STDIN (FORMAT BINARY)") as copy,
    ):
        copy.set_types(list(columns.values()))
        for row in values:
            copy.write_row(row)
