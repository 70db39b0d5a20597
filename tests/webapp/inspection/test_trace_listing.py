"""The list of rollouts that call tools: filters and orders against a slow reference in Python."""

import csv
import io
import json
from collections.abc import Callable
from typing import Any
from urllib.parse import urlencode

import pytest
from django.test import Client

from tests.factories import make_group, make_run
from tests.made_traces import ALL_KINDS, CLEAN, STUMBLES, Turn, make_agentic_run, make_traced_group
from webapp.inspection import listing
from webapp.inspection.models import Rollout
from webapp.runs.models import Run

pytestmark = pytest.mark.django_db

NO_CALL: list[Turn] = [("wait <answer>6</answer>", [])]


@pytest.fixture
def run() -> Run:
    run = make_agentic_run(roc=True)
    for step in (1, 2):
        make_traced_group(run, (STUMBLES, CLEAN, ALL_KINDS, NO_CALL), rewards=(1, 1, 0, 0), left_out=(0, 3), step=step)
    make_group(run, step=3, rewards=[1.0])
    return run


def ask(client: Client, run: Run, **query: object) -> dict[str, Any]:
    answer = client.get(f"/runs/{run.pk}/rollouts/?{urlencode(query)}&format=json")
    assert answer.status_code == 200
    return dict(json.loads(answer.content))


def ids(client: Client, run: Run, **query: object) -> list[int]:
    found, after = [], ""
    while True:
        page = ask(client, run, **query, after=after)
        found += [row["id"] for row in page["rollouts"]]
        if not page["next"]:
            return found
        after = page["next"]


def traced(row: Rollout) -> Any:
    return getattr(row, "trace", None)


FILTERS: list[tuple[dict[str, object], Callable[[Rollout], bool]]] = [
    ({"calls": "none"}, lambda row: traced(row) and row.trace.call_count == 0),
    ({"calls": "clean"}, lambda row: traced(row) and row.trace.call_count > 0 and not row.trace.failed_count),
    ({"calls": "failed"}, lambda row: traced(row) and row.trace.failed_count > 0),
    ({"calls": "service"}, lambda row: any(call.status == "infrastructure" for call in row.tool_calls.all())),
    ({"failed_min": 2}, lambda row: traced(row) and row.trace.failed_count >= 2),
    ({"turns_min": 2, "turns_max": 2}, lambda row: traced(row) and row.trace.turn_count == 2),
    ({"learned": "0"}, lambda row: not row.selected),
    ({"forking_min": 1}, lambda row: traced(row) and row.trace.forking_tokens >= 1),
    ({"reflection_min": 2}, lambda row: traced(row) and row.trace.reflection_tokens >= 2),
    ({"code_min": 20, "verdict": "wrong"}, lambda row: traced(row) and row.trace.code_tokens >= 20 and not row.correct),
    ({"q": "colon", "calls": "failed", "step_min": 2}, lambda row: "colon" in row.body.text and row.step == 2),
]


@pytest.mark.parametrize("sort", ["-step", "turns", "-turns", "-failed"])
def test_filters_and_orders_do_what_they_say(
    researcher_client: Client, run: Run, sort: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(listing, "PAGE_SIZE", 3)
    keys: dict[str, Callable[[Rollout], int]] = {
        "step": lambda row: row.step, "turns": lambda row: row.trace.turn_count,
        "failed": lambda row: row.trace.failed_count,
    }  # fmt: skip
    by = sort.lstrip("-")
    everything = list(Rollout.objects.filter(run=run).select_related("body", "trace").prefetch_related("tool_calls"))
    for query, wanted in [({}, lambda row: True), *FILTERS]:
        rows = [row for row in everything if wanted(row) and (by == "step" or traced(row))]
        rows.sort(key=lambda row: (keys[by](row), row.pk), reverse=sort.startswith("-"))
        assert ids(researcher_client, run, sort=sort, **query) == [row.pk for row in rows], query


def test_rows_tell_turns_and_failing_calls(researcher_client: Client, run: Run) -> None:
    rows = ask(researcher_client, run, sort="-failed", step_max=1)["rollouts"]
    assert [(row["turns"], row["calls"], row["failed"]) for row in rows] == [
        (3, 10, 6),
        (3, 2, 1),
        (1, 0, 0),
        (2, 1, 0),
    ]
    page = researcher_client.get(f"/runs/{run.pk}/rollouts/").content.decode()
    assert "</span> 6 of 10</span>" in page
    assert "◌ left out" in page
    assert 'aria-label="Reflection tokens from"' in page


def test_a_page_asks_no_more_than_one_of_plain_responses(
    researcher_client: Client, run: Run, django_assert_max_num_queries: Any
) -> None:
    with django_assert_max_num_queries(8) as captured:
        researcher_client.get(f"/runs/{run.pk}/rollouts/?sort=-turns&calls=service&reflection_min=1")
    assert not any("rollouttext" in query["sql"] or "rollouttokens" in query["sql"] for query in captured)


def test_exports_keep_the_order_and_filters_of_the_list(researcher_client: Client, run: Run) -> None:
    answer = researcher_client.get(f"/runs/{run.pk}/rollouts/export/csv?sort=-failed&calls=failed")
    rows = list(csv.DictReader(io.StringIO(b"".join(answer.streaming_content).decode())))  # type: ignore[attr-defined]
    assert [int(row["id"]) for row in rows] == ids(researcher_client, run, sort="-failed", calls="failed")
    assert (rows[0]["turns"], rows[0]["calls"], rows[0]["failed"]) == ("3", "10", "6")


@pytest.mark.parametrize("query", [{"calls": "some"}, {"turns_min": "x"}, {"learned": "2"}, {"forking_min": "-"}])
def test_a_mistake_is_named_beside_its_field(researcher_client: Client, run: Run, query: dict[str, str]) -> None:
    assert list(ask(researcher_client, run, **query)["errors"]) == list(query)


def test_only_runs_with_tools_are_asked_about_them(researcher_client: Client) -> None:
    plain = make_run()
    make_group(plain, rewards=[1.0])

    def page(query: str = "") -> str:
        return researcher_client.get(f"/runs/{plain.pk}/rollouts/{query}").content.decode()

    assert "Tool calls" not in page()
    assert "Resampling" not in page()
    assert "Tool calls" in page("?calls=none"), "what narrows the list can be seen and undone"
    assert "Resampling" in page("?learned=0")
