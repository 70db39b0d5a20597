"""Keyset paging gives every row once, in order, and survives any cursor."""

import base64
import json
import random

import pytest
from django.db import connection
from django.db.models import F

from tests.factories import make_group, make_run
from webapp.core.errors import UserError
from webapp.core.paging import keyset_page
from webapp.inspection.models import Rollout
from webapp.runs.models import Run

pytestmark = pytest.mark.django_db


@pytest.fixture
def run() -> Run:
    """A run with 60 rollouts whose rewards tie often and are not all short decimals."""
    run, draw = make_run(), random.Random(0)
    for index in range(6):
        make_group(run, index=index, rewards=[draw.choice((0.0, 0.1 + 0.2, -1 / 3, 1.0)) for _ in range(10)])
    return run


@pytest.mark.parametrize("by", ["reward", "length", "step", "id", "group_index"])
@pytest.mark.parametrize("descending", [True, False])
@pytest.mark.parametrize("size", [1, 7, 60, 100])
def test_pages_put_together_are_the_whole_list_in_order(run: Run, by: str, descending: bool, size: int) -> None:
    rows = Rollout.objects.filter(run=run).annotate(group_index=F("group__index"))
    cursor, seen = "", []
    while True:
        page = keyset_page(rows, by=by, descending=descending, cursor=cursor, size=size)
        seen += [row.pk for row in page.rows]
        if not page.next_cursor:
            break
        cursor = page.next_cursor
    expected = sorted(rows, key=lambda row: (getattr(row, by), row.pk), reverse=descending)
    assert seen == [row.pk for row in expected]


def test_rows_that_arrive_between_two_pages_shift_nothing(run: Run) -> None:
    rows = Rollout.objects.filter(run=run)
    first = keyset_page(rows, by="id", descending=True, cursor="", size=20)
    make_group(run, index=9, rewards=[1.0] * 5)
    second = keyset_page(rows, by="id", descending=True, cursor=first.next_cursor, size=20)
    assert second.rows[0].pk == first.rows[-1].pk - 1


def test_the_database_walks_an_index_to_a_late_page(run: Run) -> None:
    rows = Rollout.objects.filter(run=run, split="train")
    cursor = keyset_page(rows, by="reward", descending=True, cursor="", size=50).next_cursor
    with connection.cursor() as settings:
        settings.execute("SET LOCAL enable_seqscan = off; SET LOCAL enable_sort = off")
    plans: list[str] = []

    def explain(execute, sql, params, many, context):  # type: ignore[no-untyped-def]
        with connection.connection.cursor() as raw:
            raw.execute(f"EXPLAIN {sql}", params)
            plans.append("\n".join(line for (line,) in raw.fetchall()))
        return execute(sql, params, many, context)

    with connection.execute_wrapper(explain):
        keyset_page(rows, by="reward", descending=True, cursor=cursor, size=5)
    assert "Index Scan Backward using rollout_by_reward" in plans[0]
    assert "ROW(reward, id) < ROW(" in plans[0].split("Index Cond:")[1].splitlines()[0]


def cursor_of(value: object) -> str:
    return base64.urlsafe_b64encode(json.dumps(value).encode()).decode().rstrip("=")


@pytest.mark.parametrize(
    "cursor",
    [
        "?", "é", "AAAA", "a" * 5000, cursor_of(5), cursor_of([1]), cursor_of([1, 2, 3]), cursor_of([None, 1]),
        cursor_of(["x", 1]), cursor_of([{}, 1]), cursor_of([1.0, None]), cursor_of([1.0, "1"]), cursor_of([1.0, True]),
        cursor_of(["\x00", 1]),
    ],
)  # fmt: skip
def test_a_damaged_cursor_is_a_sentence(run: Run, cursor: str) -> None:
    with pytest.raises(UserError, match="first page"):
        keyset_page(Rollout.objects.filter(run=run), by="reward", descending=True, cursor=cursor)


@pytest.mark.parametrize("value", [[1e308, 10**30], [float("nan"), 1], [float("-inf"), 1], [10**30, 1]])
def test_a_cursor_beyond_every_row_is_no_failure(run: Run, value: list[float]) -> None:
    page = keyset_page(Rollout.objects.filter(run=run), by="reward", descending=False, cursor=cursor_of(value), size=99)
    assert len(page.rows) in (0, 60)
    assert page.next_cursor == ""
