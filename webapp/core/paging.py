"""Keyset paging: the next page starts after the last row's values, so that page 10,000 costs what page 1 does."""

import base64
import json
from collections.abc import Container, Mapping
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from django.core.exceptions import ValidationError
from django.db import models
from django.db.models import F, QuerySet
from django.db.models.expressions import Func

from webapp.core.errors import UserError

M = TypeVar("M", bound=models.Model)


class Row(Func):
    """``ROW(a, b)``: PostgreSQL compares rows of values left to right and can use a composite index for it."""

    function = "ROW"
    output_field = models.BooleanField()


@dataclass(frozen=True, slots=True)
class Page(Generic[M]):
    """Rows of one page, and the cursor of the next one (empty on the last)."""

    rows: list[M]
    next_cursor: str


def chosen_sort(asked: Mapping[str, str], sorts: Container[str], otherwise: str) -> str:
    """``sort`` of an address: one of ``sorts``, which a ``-`` before turns round; ``otherwise`` when it is none."""
    sort = asked.get("sort", otherwise)
    return sort if sort.removeprefix("-") in sorts else otherwise


def keyset_page(rows: QuerySet[M], *, by: str, descending: bool, cursor: str, size: int = 50) -> Page[M]:
    """One page of ``rows`` ordered by the column or annotation ``by``, which must hold no null, and then by id, after
    ``cursor``.

    Raises UserError when the cursor was not made here.
    """
    sign = "-" if descending else ""
    ordered = rows.order_by(f"{sign}{by}", f"{sign}pk")
    if cursor:
        annotation = rows.query.annotations.get(by)
        value, pk = _decode(cursor, annotation.output_field if annotation else rows.model._meta.get_field(by))
        compare = "lt" if descending else "gt"
        ordered = ordered.alias(_key=Row(F(by), F("pk"))).filter(**{f"_key__{compare}": Row(value, models.Value(pk))})
    found = list(ordered[: size + 1])
    more = len(found) > size
    last = found[size - 1] if more else None
    return Page(found[:size], _encode(getattr(last, by), last.pk) if last else "")


def _encode(value: Any, pk: int) -> str:
    return base64.urlsafe_b64encode(json.dumps([value, pk], default=str).encode()).decode().rstrip("=")


def _decode(cursor: str, column: Any) -> tuple[models.Value, int]:
    """The last row's value and id. Whatever a cursor may be made to hold, nothing but a UserError comes of it."""
    try:
        held, pk = json.loads(base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)))
        value = column.to_python(held)
        if value is None or "\x00" in str(value) or type(pk) is not int:
            raise ValueError
    except (ValueError, TypeError, OverflowError, RecursionError, ValidationError) as error:
        raise UserError("This page address is damaged. Go back to the first page of the list.") from error
    return models.Value(value, output_field=column), pk
