"""The list of trees: filters, order and pages against a slow reference in Python; its words and its files."""

import csv
import io
import json
from urllib.parse import urlencode

import pytest
from django.test import Client
from pytest_django import DjangoAssertNumQueries

from tests.factories import make_prompt, make_run
from tests.made_trees import made_tree, store_made_trees
from webapp.inspection.models import Prompt
from webapp.runs.models import Run, SavedView
from webapp.runs.status import RunStatus
from webapp.search import listing
from webapp.search.models import SearchTree

pytestmark = pytest.mark.django_db

HOSTILE = "<img src=x onerror=alert(1)> \u202e {{ 7 }}"
DEEPSEARCH = {"kind": "deepsearch"}


@pytest.fixture
def run() -> Run:
    run = make_run(method=DEEPSEARCH)
    store_made_trees(run, [_record(number) for number in range(24)])
    SearchTree.objects.filter(run=run, index=3).update(exhausted=True, pinned=True)
    SearchTree.objects.filter(run=run, step=2, index=4).update(best_q=None)
    SearchTree.objects.filter(run=run, step=1, index=5).update(stored=False, dropped="gone")
    other = make_run("other", method=DEEPSEARCH)
    store_made_trees(other, [made_tree(nodes=30, seed=77, problem_id="p3")])
    return run


def _record(number: int):  # type: ignore[no-untyped-def]
    return made_tree(
        nodes=20 + 9 * (number % 7), seed=number, step=1 + number // 8, index=number % 8, solved=number % 3 > 0,
        stored=number % 4 > 0, problem_id=f"p{number}", split="heldout" if number % 8 == 7 else "train",
    )  # fmt: skip


def ask(client: Client, address: str, **query: object) -> dict[str, object]:
    answer = client.get(f"{address}?{urlencode(query)}&format=json")
    assert answer.status_code == 200
    return json.loads(answer.content)


def all_pages(client: Client, address: str, **query: object) -> list[int]:
    seen: list[int] = []
    after = ""
    while True:
        page = ask(client, address, **query, **({"after": after} if after else {}))
        seen += [row["id"] for row in page["trees"]]  # type: ignore[index, attr-defined]
        if not page["next"]:
            return seen
        after = str(page["next"])


FILTERS = [
    ({}, lambda tree: True),
    ({"step": 2}, lambda tree: tree.step == 2),
    ({"step_min": 2, "step_max": 3}, lambda tree: 2 <= tree.step <= 3),
    ({"split": "heldout"}, lambda tree: tree.split == "heldout"),
    ({"solved": "yes"}, lambda tree: tree.solved),
    ({"solved": "no", "uniform": "yes"}, lambda tree: not tree.solved and tree.uniform),
    ({"exhausted": "yes"}, lambda tree: tree.exhausted),
    ({"pinned": "no"}, lambda tree: not tree.pinned),
    ({"stored": "yes"}, lambda tree: tree.stored),
    ({"stored": "no", "step": 1}, lambda tree: not tree.stored and tree.step == 1),
    ({"depth_min": 5, "depth_max": 6}, lambda tree: 5 <= tree.depth <= 6),
    ({"nodes_max": 60}, lambda tree: tree.nodes <= 60),
    ({"tokens_min": 700}, lambda tree: tree.tokens >= 700),
    ({"q": "P1"}, lambda tree: tree.prompt.problem_id.startswith("p1")),
    ({"q": "12+7*3"}, lambda tree: True),
    ({"problem": "p1"}, lambda tree: tree.prompt.problem_id == "p1"),
]


@pytest.mark.parametrize("sort", ["-id", "tokens", "-depth", "-nodes", "-best_q", "mean_reward", "-right_ends"])
@pytest.mark.parametrize(("query", "fits"), FILTERS)
def test_filters_and_order_are_those_of_a_slow_reference(
    researcher_client: Client, run: Run, monkeypatch: pytest.MonkeyPatch, query, fits, sort: str
) -> None:
    monkeypatch.setattr(listing, "PAGE_SIZE", 5)
    by = sort.removeprefix("-")
    fitting = [tree for tree in SearchTree.objects.filter(run=run).select_related("prompt") if fits(tree)]
    fitting = [tree for tree in fitting if getattr(tree, by) is not None]
    fitting.sort(key=lambda tree: (getattr(tree, by), tree.pk), reverse=sort.startswith("-"))
    assert all_pages(researcher_client, f"/runs/{run.pk}/trees/", sort=sort, **query) == [t.pk for t in fitting]


def test_the_list_of_all_runs_can_be_narrowed_to_some(researcher_client: Client, run: Run) -> None:
    everything = all_pages(researcher_client, "/trees/")
    assert len(everything) == SearchTree.objects.count() == 25
    other = Run.objects.exclude(pk=run.pk).get()
    assert len(all_pages(researcher_client, "/trees/", run=other.pk)) == 1
    assert len(all_pages(researcher_client, "/trees/", run=f"{run.pk},{other.pk}", q="p3")) == 2
    assert researcher_client.get("/trees/?run=first").status_code == 400


def test_it_says_what_is_solved_and_what_the_keeping_rule_dropped(researcher_client: Client, run: Run) -> None:
    page = researcher_client.get(f"/runs/{run.pk}/trees/").content.decode()
    trees = SearchTree.objects.filter(run=run)
    text = " ".join(page.split())
    assert f"24 trees: <strong>{trees.filter(solved=True).count()} solved</strong>" in text
    assert f"{trees.filter(stored=True).count()} keep all nodes" in text
    assert "Of 6 the trainer sent figures only: it sends 16 a step whole, solved ones first, then extremes." in text
    assert "1 lost its nodes later: a run keeps 2,000,000" in text
    assert "3 are pinned and stay" in text


def test_counts_of_a_very_long_list_are_bounded_and_say_so(
    researcher_client: Client, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(listing, "MOST_COUNTED", 10)
    page = " ".join(researcher_client.get(f"/runs/{run.pk}/trees/").content.decode().split())
    assert "More than 10 trees; of the newest of them" in page


def test_a_page_costs_the_same_few_queries_however_many_trees_it_shows(
    researcher_client: Client, run: Run, django_assert_max_num_queries: DjangoAssertNumQueries
) -> None:
    with django_assert_max_num_queries(8) as captured:
        researcher_client.get(f"/runs/{run.pk}/trees/")
    with django_assert_max_num_queries(8):
        researcher_client.get("/trees/?sort=-tokens&q=p")
    assert not any("search_searchbody" in query["sql"] for query in captured.captured_queries)


def test_hostile_problems_are_shown_as_text(researcher_client: Client, run: Run) -> None:
    Prompt.objects.filter(run=run).update(text=HOSTILE)
    page = researcher_client.get(f"/runs/{run.pk}/trees/").content.decode()
    assert "<img src=x" not in page
    assert "&lt;img src=x onerror=alert(1)&gt; ⟦202E⟧ {{ 7 }}" in page


def test_what_the_template_writes_round_every_problem_is_left_out_run_by_run(
    researcher_client: Client, run: Run
) -> None:
    for number in range(24):
        Prompt.objects.filter(run=run, problem_id=f"p{number}").update(text=f"<|user|>\n{number}+1?\n<|answer|>")
    rows = ask(researcher_client, "/trees/")["trees"]
    lines = {row["problem"] for row in rows}  # type: ignore[index, attr-defined]
    assert {"3+1?", "22+1?"} <= lines
    assert "p3: 12+7*3=?" in lines, "the other run has no template"


@pytest.mark.parametrize("address", ["/runs/{}/trees/export/csv", "/trees/export/csv"])
def test_files_hold_every_row_of_the_list_and_no_formulas(researcher_client: Client, run: Run, address: str) -> None:
    Prompt.objects.filter(run=run, problem_id="p1").update(text="=SUM(A1)")
    answer = researcher_client.get(address.format(run.pk) + f"?solved=yes&run={run.pk}&sort=tokens")
    rows = list(csv.DictReader(io.StringIO(answer.getvalue().decode())))
    assert [int(row["tokens"]) for row in rows] == sorted(
        SearchTree.objects.filter(run=run, solved=True).values_list("tokens", flat=True)
    )
    assert next(row["prompt"] for row in rows if row["problem_id"] == "p1") == "'=SUM(A1)"
    as_lines = researcher_client.get(f"/runs/{run.pk}/trees/export/jsonl").getvalue().decode().splitlines()
    assert len(as_lines) == 24
    assert json.loads(as_lines[0])["step"] == 3


def test_damaged_addresses_are_answered_in_words(researcher_client: Client, run: Run) -> None:
    assert researcher_client.get("/runs/999/trees/").status_code == 404
    assert researcher_client.get(f"/runs/{run.pk}/trees/export/xlsx").status_code == 404
    assert researcher_client.get(f"/runs/{run.pk}/trees/?after=zzz").status_code == 400
    mistaken = researcher_client.get(f"/runs/{run.pk}/trees/?depth_min=deep&sort=nonsense")
    assert "named beside its field" in mistaken.content.decode()
    assert researcher_client.get(f"/runs/{run.pk}/trees/export/csv?depth_min=deep").status_code == 400
    assert researcher_client.get(f"/runs/{run.pk}/trees/?q=%00").status_code == 200
    assert researcher_client.get(f"/runs/{run.pk}/trees/?step=99999999999").status_code == 200


@pytest.mark.parametrize(
    ("method", "status", "query", "said"),
    [
        ("grpo", RunStatus.SUCCEEDED, "", "This run samples directly"),
        ("deepsearch", RunStatus.RUNNING, "", "The first searches are under way"),
        ("deepsearch", RunStatus.FAILED, "", "ended before a step of searches was done"),
        ("deepsearch", RunStatus.RUNNING, "?solved=yes", "No tree fits these filters"),
    ],
)
def test_an_empty_list_says_why_and_what_to_do(
    researcher_client: Client, method: str, status: RunStatus, query: str, said: str
) -> None:
    run = make_run(status=status, method={"kind": method})
    make_prompt(run)
    page = researcher_client.get(f"/runs/{run.pk}/trees/{query}").content.decode()
    assert said in page
    assert "No run has grown a tree yet" in researcher_client.get("/trees/").content.decode()


def test_a_view_of_the_list_can_be_kept_under_a_name(researcher_client: Client, run: Run) -> None:
    said = {"page": "trees", "name": "hard ones", "query": "solved=no&after=abc"}
    assert researcher_client.post("/runs/views/save", said)["Location"] == "/trees/?solved=no"
    assert SavedView.objects.get().page == "trees"
    assert "hard ones" in researcher_client.get("/trees/").content.decode()


def test_htmx_gets_further_rows_only(researcher_client: Client, run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(listing, "PAGE_SIZE", 5)
    first = ask(researcher_client, f"/runs/{run.pk}/trees/")
    more = researcher_client.get(f"/runs/{run.pk}/trees/?after={first['next']}", headers={"HX-Request": "true"})
    text = more.content.decode()
    assert text.count("data-opens") == 5
    assert "<h1" not in text
