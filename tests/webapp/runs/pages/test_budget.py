"""No page asks the database more often because there is more to show, and none more than fifteen times."""

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from tests.webapp.runs.pages.made import add_checkpoint, add_figures, make_run
from webapp.runs.models import Alert, Run
from webapp.runs.status import RunStatus

pytestmark = pytest.mark.django_db
MOST_QUERIES = 15


def fill(count: int, steps: int) -> list[Run]:
    runs = []
    for index in range(count):
        run = make_run(
            RunStatus.RUNNING if index % 2 else RunStatus.SUCCEEDED, name=f"run {index}", group=f"g{index % 3}"
        )
        names = ("heldout/pass_at_1", "reward/mean", "optim/loss", "time/step_s", "tokens/total")
        add_figures(run, {name: [float(step) for step in range(steps)] for name in names})
        add_checkpoint(run, steps)
        Alert.objects.create(run=run, step=1, code="x", severity="warning", message="m", advice="a", at=run.created_at)
        runs.append(run)
    return runs


def queries(client: Client, address: str) -> int:
    with CaptureQueriesContext(connection) as captured:
        assert client.get(address).status_code == 200
    return len(captured)


def addresses(runs: list[Run]) -> list[str]:
    one, eight = runs[1].pk, ",".join(str(run.pk) for run in runs[:8])
    tabs = [f"/runs/{one}/{tab}" for tab in ("", "reasoning/", "checkpoints/", "health/", "log/", "config/")]
    return [
        "/runs/", "/runs/?sort=-score&q=run", "/runs/?by=group", f"/runs/rows?ids={eight}", *tabs,
        f"/runs/curves?runs={eight}&names=reward/mean,optim/loss&x=time&mean=1",
        f"/runs/{one}/live?names=reward/mean&cursor={runs[1].rewinds}.3&level=0&x=tokens",
        f"/runs/{one}/charts/reward/table", f"/runs/compare/?runs={eight}",
    ]  # fmt: skip


def test_pages_keep_their_budget_of_queries_whatever_there_is(researcher_client: Client) -> None:
    few = fill(8, steps=20)
    before = {address: queries(researcher_client, address) for address in addresses(few)}
    fill(30, steps=40)
    after = {address: queries(researcher_client, address) for address in addresses(few)}
    assert after == before
    assert max(after.values()) <= MOST_QUERIES, after


def test_lists_leave_long_texts_in_the_database(researcher_client: Client) -> None:
    fill(2, steps=2)
    with CaptureQueriesContext(connection) as captured:
        researcher_client.get("/runs/")
    rows = [query["sql"] for query in captured if '"runs_run"."latest"' in query["sql"]]
    assert rows
    assert not any('"runs_run"."error"' in sql or '"runs_run"."notes"' in sql for sql in rows)
