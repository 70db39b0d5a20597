"""The list of rollouts: filters, search, order and pages against a slow reference in Python."""

import csv
import io
import json
import random
from urllib.parse import urlencode

import pytest
from django.test import Client

from tests.factories import make_group, make_run
from webapp.inspection import search
from webapp.inspection.models import Rollout
from webapp.inspection.search import snippets
from webapp.runs.models import Run

pytestmark = pytest.mark.django_db

TEXTS = (
    "wait, 3+4=8 is wrong, so 7",
    "However, let me check again: seven",
    "the answer is plainly 7",
    "<script>alert('wait')</script> check\u202e",
    "=SUM(A1) wait check",
)


@pytest.fixture
def run() -> Run:
    run, draw = make_run(), random.Random(1)
    for step in (1, 2, 3):
        for index in range(6):
            rewards = [draw.choice((0.0, 0.5, 1.0)) for _ in range(5)]
            make_group(run, step=step, index=index, rewards=rewards, texts=TEXTS)
    make_group(run, step=2, split="heldout", rewards=[1.0, 0.0], texts=TEXTS[:2])
    make_group(make_run("other"), rewards=[1.0], texts=TEXTS[:1])
    Rollout.objects.filter(run=run, index=2).update(finish_reason="length", correct=None, extracted=None)
    Rollout.objects.filter(run=run, index=3, step=2).update(cached=True)
    return run


def ask(client: Client, run: Run, **query: object) -> dict[str, object]:
    answer = client.get(f"/runs/{run.pk}/rollouts/?{urlencode(query)}&format=json")
    assert answer.status_code == 200
    return json.loads(answer.content)


def all_pages(client: Client, run: Run, **query: object) -> list[int]:
    seen: list[int] = []
    after = ""
    while True:
        page = ask(client, run, **query, **({"after": after} if after else {}))
        seen += [row["id"] for row in page["rollouts"]]  # type: ignore[index, attr-defined]
        if not page["next"]:
            return seen
        after = str(page["next"])


FILTERS = [
    ({}, lambda row: True),
    ({"split": "heldout"}, lambda row: row.split == "heldout"),
    ({"verdict": "right"}, lambda row: row.correct is True),
    ({"verdict": "wrong"}, lambda row: row.correct is False),
    ({"verdict": "unverified"}, lambda row: row.correct is None),
    ({"finish": "length"}, lambda row: row.finish_reason == "length"),
    ({"cached": "1"}, lambda row: row.cached),
    ({"cached": "0"}, lambda row: not row.cached),
    ({"reward_min": "0.5", "reward_max": "0.9"}, lambda row: 0.5 <= row.reward <= 0.9),
    ({"step_min": 2, "step_max": 2}, lambda row: row.step == 2),
    ({"length_min": 12}, lambda row: row.length >= 12),
    ({"q": "wait"}, lambda row: "wait" in row.body.text),
    ({"q": '"let me check"'}, lambda row: "let me check" in row.body.text),
    ({"q": "check -wait"}, lambda row: "check" in row.body.text and "wait" not in row.body.text),
    ({"q": "plainly or however"}, lambda row: "plainly" in row.body.text or "However" in row.body.text),
    (
        {"q": "wait", "verdict": "wrong", "step_min": 3},
        lambda row: "wait" in row.body.text and row.correct is False and row.step == 3,
    ),
]


@pytest.mark.parametrize("sort", ["-step", "reward", "-length", "-advantage"])
def test_filters_and_orders_do_what_they_say(researcher_client: Client, run: Run, sort: str) -> None:
    key, everything = sort.lstrip("-"), list(Rollout.objects.filter(run=run).select_related("body"))
    for query, wanted in FILTERS:
        rows = [row for row in everything if row.split == query.get("split", "train") and wanted(row)]
        rows = [row for row in rows if getattr(row, key) is not None]
        rows.sort(key=lambda row: (getattr(row, key), row.pk), reverse=sort.startswith("-"))
        assert all_pages(researcher_client, run, sort=sort, **query) == [row.pk for row in rows], query


@pytest.mark.parametrize("few", [0, 100])
def test_rare_and_common_words_are_looked_up_in_two_ways_with_one_result(
    researcher_client: Client, run: Run, monkeypatch: pytest.MonkeyPatch, few: int
) -> None:
    expected = [all_pages(researcher_client, run, q=words, sort="reward") for words in ("wait", "plainly", "nowhere")]
    monkeypatch.setattr(search, "FEW_MATCHES", few)
    found = [all_pages(researcher_client, run, q=words, sort="reward") for words in ("wait", "plainly", "nowhere")]
    assert found == expected
    assert [len(rows) for rows in found] == [54, 18, 0]


def test_a_page_says_that_there_is_more_and_htmx_gets_only_rows(researcher_client: Client, run: Run) -> None:
    whole = researcher_client.get(f"/runs/{run.pk}/rollouts/").content.decode()
    assert "50+" in whole
    assert "Load more" in whole
    after = ask(researcher_client, run)["next"]
    part = researcher_client.get(
        f"/runs/{run.pk}/rollouts/?after={after}", headers={"HX-Request": "true"}
    ).content.decode()
    assert part.strip().startswith("<tr>")
    assert part.count("<tr") == 40
    assert "Load more" not in part


def test_hits_are_marked_and_everything_else_is_escaped(researcher_client: Client, run: Run) -> None:
    page = researcher_client.get(f"/runs/{run.pk}/rollouts/?q=wait+check&sort=-length").content.decode()
    assert "<mark>wait</mark>" in page
    assert "<script>alert" not in page
    assert "\u202e" not in page


def test_marks_in_a_response_cannot_open_or_close_tags(run: Run) -> None:
    group = make_group(run, step=9, rewards=[1.0], texts=["\ue001 <b>wait</b> \ue000 unfinished \ue000wait"])
    rollout = group.rollouts.get()
    parts = snippets([rollout.pk], "wait")[rollout.pk].parts
    assert any(hit and "wait" in text for text, hit in parts)
    assert not any("\ue000" in text or "\ue001" in text for text, _ in parts)


@pytest.mark.parametrize(
    "query", ["then", "7", "half", "alpha", "omega", "boxed", "<answer>42</answer>", "1/2", '"alpha / omega"']
)
def test_words_beside_brackets_and_slashes_are_found(researcher_client: Client, query: str) -> None:
    run = make_run()
    make_group(run, rewards=[1], texts=["if a<b, then c>7; half is 1/2, alpha/omega <answer>42</answer> \\boxed{3}"])
    page = researcher_client.get(f"/runs/{run.pk}/rollouts/", {"q": query}).content.decode()
    assert "<mark>" in page


@pytest.mark.parametrize("query", ["-", "&|!()", '"', "a" * 400, "' OR 1=1 --", "<->", "\\", "wait:*"])
def test_no_search_can_fail(researcher_client: Client, run: Run, query: str) -> None:
    assert ask(researcher_client, run, q=query)["errors"] == {}


@pytest.mark.parametrize(
    "query",
    [
        {"reward_min": "x"},
        {"verdict": "maybe"},
        {"q": "a\x00b"},
        {"q": "a" * 401},
        {"split": "test"},
        {"step_min": "NaN"},
    ],
)
def test_a_mistake_in_the_address_is_named_beside_its_field(
    researcher_client: Client, run: Run, query: dict[str, str]
) -> None:
    answer = researcher_client.get(f"/runs/{run.pk}/rollouts/", query)
    assert answer.status_code == 200
    assert "hold a mistake" in answer.content.decode()
    assert list(ask(researcher_client, run, **query)["errors"]) == list(query)  # type: ignore[call-overload]
    assert researcher_client.get(f"/runs/{run.pk}/rollouts/export/csv", query).status_code == 400


@pytest.mark.parametrize("query", [{"sort": "text"}, {"sort": "--reward"}, {"step_min": "999999999"}, {"after": ""}])
def test_odd_addresses_still_give_a_list(researcher_client: Client, run: Run, query: dict[str, str]) -> None:
    assert ask(researcher_client, run, **query)["errors"] == {}


def test_the_list_asks_few_queries_and_none_for_texts(
    researcher_client: Client, run: Run, django_assert_max_num_queries
) -> None:  # type: ignore[no-untyped-def]
    with django_assert_max_num_queries(8) as captured:
        researcher_client.get(f"/runs/{run.pk}/rollouts/")
    assert not any("rollouttext" in query["sql"] or "rollouttokens" in query["sql"] for query in captured)
    with django_assert_max_num_queries(9):
        researcher_client.get(f"/runs/{run.pk}/rollouts/?q=wait")


@pytest.mark.parametrize(
    ("query", "said"),
    [("?q=nowhere", "No rollout matches"), ("?split=heldout&sort=-advantage", "no advantage to sort by")],
)
def test_an_empty_list_says_what_to_do(researcher_client: Client, run: Run, query: str, said: str) -> None:
    assert said in researcher_client.get(f"/runs/{run.pk}/rollouts/{query}").content.decode()


def test_a_run_without_rollouts_says_so(researcher_client: Client) -> None:
    waiting, tuned = make_run(status="running"), make_run(method={"kind": "sft"})  # type: ignore[arg-type]
    assert "No rollouts yet" in researcher_client.get(f"/runs/{waiting.pk}/rollouts/").content.decode()
    page = researcher_client.get(f"/runs/{tuned.pk}/rollouts/").content.decode()
    assert "left no heldout rollouts" in page
    assert "samples responses only to evaluate" in page


def exported(client: Client, run: Run, kind: str, query: str = "") -> str:
    answer = client.get(f"/runs/{run.pk}/rollouts/export/{kind}{query}")
    assert answer.streaming
    return b"".join(answer.streaming_content).decode()  # type: ignore[arg-type]


def test_exports_hold_every_row_of_the_list_with_its_text(researcher_client: Client, run: Run) -> None:
    rows = [json.loads(line) for line in exported(researcher_client, run, "jsonl", "?sort=reward&q=wait").splitlines()]
    assert [row["id"] for row in rows] == all_pages(researcher_client, run, sort="reward", q="wait")
    first = Rollout.objects.select_related("body", "group__prompt").get(pk=rows[0]["id"])
    assert rows[0]["response"] == first.body.text
    assert (rows[0]["prompt"], rows[0]["parts"]) == (first.group.prompt.text, first.parts)


def test_csv_cells_that_a_spreadsheet_would_run_are_disarmed_and_numbers_stay(
    researcher_client: Client, run: Run
) -> None:
    rows = list(csv.DictReader(io.StringIO(exported(researcher_client, run, "csv"))))
    assert len(rows) == Rollout.objects.filter(run=run, split="train").count()
    assert {row["response"] for row in rows} == {*TEXTS[:4], "'" + TEXTS[4]}
    stored = {str(row.pk): row for row in Rollout.objects.filter(run=run)}
    assert all(float(row["advantage"]) == stored[row["id"]].advantage for row in rows)
    assert any(row["advantage"].startswith("-") for row in rows)


def test_there_is_no_export_of_another_kind(researcher_client: Client, run: Run) -> None:
    assert researcher_client.get(f"/runs/{run.pk}/rollouts/export/exe").status_code == 404


def test_only_runs_that_search_are_asked_where_a_response_is_from(researcher_client: Client, run: Run) -> None:
    searching = make_run("search", method={"kind": "deepsearch"})
    make_group(searching, rewards=[1.0], texts=TEXTS[:1])

    def page(run: Run, query: str = "") -> str:
        return researcher_client.get(f"/runs/{run.pk}/rollouts/{query}").content.decode()

    assert "From the cache" in page(searching)
    assert "From the cache" not in page(run)
    assert "From the cache" in page(run, "?cached=1"), "what narrows the list can be seen and undone"
    assert "Select a valid choice" in page(run, "?cached=2")
