"""The list of problems: figures, filters, search, sorts, pages, files."""

import csv
import io
import json
import re
from typing import Any

import pytest
from django.test import Client
from pytest_django import DjangoAssertNumQueries

from tests.made_solutions import EPOCH, make_solution, many_solutions, right_text, searching_run, use
from training.rewards import VERIFIER_VERSION
from webapp.runs.models import Run
from webapp.search.models import VerifiedSolution
from webapp.search.solutions_listing import PAGE_SIZE, SORTS

pytestmark = pytest.mark.django_db

HOSTILE = "<script>alert(1)</script><img src=x onerror=alert(2)>\u202egnp.exe\x07 {{ 7|add:7 }}"


def fetch(client: Client, address: str, **headers: str) -> str:
    answer = client.get(address, headers=headers)
    assert answer.status_code == 200, (address, answer.status_code)
    return answer.content.decode()


def twin(client: Client, **asked: object) -> dict[str, Any]:
    answer = client.get("/solutions/", asked | {"format": "json"})
    assert answer.status_code == 200
    return json.loads(answer.content)


def problems(client: Client, **asked: object) -> list[str]:
    return [row["problem_id"] for row in twin(client, **asked)["problems"]]


@pytest.fixture
def run(db: None) -> Run:
    return searching_run()


def test_an_empty_list_says_how_solutions_come_to_be(researcher_client: Client) -> None:
    page = fetch(researcher_client, "/solutions/")
    assert "No solution has been kept yet" in page
    assert 'href="/runs/new/"' in page
    assert 'aria-current="page">Solutions</a>' in page


def test_a_problem_is_summed_up_over_its_solutions(researcher_client: Client, run: Run) -> None:
    short, later = make_solution(run, 0, found_step=9, found_at=EPOCH), make_solution(run, 1)
    guessed = make_solution(run, 2, length=3, invalid_at=EPOCH, invalid_reason="guessed", verifier="0")
    use(run, 4, short, later)
    use(searching_run("other"), 2, later, tokens_saved=50)
    [row] = twin(researcher_client)["problems"]
    assert row["solution_ids"] == {"shortest": short.pk, "first": short.pk, "most_used": later.pk}
    figures = {name: row[name] for name in ("solutions", "valid", "times_used", "tokens_saved", "shortest_length")}
    assert figures == {
        "solutions": 3,
        "valid": 2,
        "times_used": 3,
        "tokens_saved": 250,
        "shortest_length": short.length,
    }
    assert sorted(row["verifiers"]) == ["0", VERIFIER_VERSION]
    page = fetch(researcher_client, "/solutions/")
    assert f'href="/solutions/problem/{guessed.problem}/"' in page
    assert "of 3" in page


def test_it_narrows_by_set_run_and_state(researcher_client: Client, run: Run) -> None:
    other = searching_run("other")
    make_solution(run, problem=1)
    used = make_solution(run, problem=2, verifier="0")
    make_solution(other, problem=3, problem_set="imported/plums", invalid_at=EPOCH)
    use(other, 5, used)
    assert problems(researcher_client, problem_set="imported/plums") == ["made-3"]
    assert set(problems(researcher_client, run=run.pk)) == {"made-1", "made-2"}
    assert set(problems(researcher_client, run=other.pk)) == {"made-2", "made-3"}, "found or used"
    assert set(problems(researcher_client, state="valid")) == {"made-1", "made-2"}
    assert problems(researcher_client, state="invalid") == ["made-3"]
    assert problems(researcher_client, state="older") == ["made-2"]
    assert "No solution fits these filters" in fetch(researcher_client, "/solutions/?run=999999")
    assert "other" in fetch(researcher_client, f"/solutions/?run={other.pk}")


@pytest.mark.parametrize("asked", ["run=x", "run=-1.5", "state=nonsense", "problem_set=gone", "run=99999999999"])
def test_a_mistake_in_the_filters_is_named(researcher_client: Client, run: Run, asked: str) -> None:
    make_solution(run)
    assert "The filters hold a mistake" in fetch(researcher_client, f"/solutions/?{asked}")
    assert researcher_client.get(f"/solutions/export/csv?{asked}").status_code == 400


def test_search_looks_in_problems_and_solutions_and_shows_where(researcher_client: Client, run: Run) -> None:
    make_solution(run, problem=1, text="we carry the <b>remainder</b> over, so \\boxed{33}")
    make_solution(run, problem=2, prompt="How many apples and pears?")
    assert problems(researcher_client, q="remainder carry") == ["made-1"]
    assert problems(researcher_client, q="apples -pears") == []
    assert problems(researcher_client, q='"apples and pears"') == ["made-2"]
    assert problems(researcher_client, q="made-2") == ["made-2"]
    page = fetch(researcher_client, "/solutions/?q=remainder")
    assert "<mark>remainder</mark>" in page
    assert "&lt;b&gt;" in page
    assert problems(researcher_client, q="\x00") == ["made-2", "made-1"]


@pytest.mark.parametrize("sort", [f"{sign}{name}" for name in SORTS for sign in ("", "-")])
def test_every_sort_pages_through_all_problems_once(researcher_client: Client, run: Run, sort: str) -> None:
    many_solutions(run, 120, 2)
    asked: dict[str, object] = {"sort": sort}
    seen: list[dict[str, Any]] = []
    while True:
        page = twin(researcher_client, **asked)
        seen += page["problems"]
        if not page["next"]:
            break
        asked["after"] = page["next"]
    assert len({row["problem"] for row in seen}) == len(seen) == 120
    values = [row["shortest_length" if sort.endswith("shortest") else sort.removeprefix("-")] for row in seen]
    assert values == sorted(values, reverse=sort.startswith("-"))


@pytest.mark.parametrize("after", ["~", "x~p", "1", "2026-01-01~p", "9" * 30 + "~p", "1~'", "2026-01-01T00:00:00~p"])
def test_a_damaged_page_address_is_said_to_be_so(researcher_client: Client, run: Run, after: str) -> None:
    make_solution(run)
    for sort in ("-newest", "-times_used"):
        assert researcher_client.get("/solutions/", {"after": after, "sort": sort}).status_code == 400


def test_the_list_asks_few_queries_and_reads_no_texts(
    researcher_client: Client, run: Run, django_assert_max_num_queries: DjangoAssertNumQueries
) -> None:
    many_solutions(run, 2 * PAGE_SIZE, 3)
    with django_assert_max_num_queries(12) as asked:
        page = fetch(researcher_client, "/solutions/")
    assert page.count("data-opens") == PAGE_SIZE
    assert not any('"token_ids"' in each["sql"] or '"text"' in each["sql"] for each in asked.captured_queries)
    [further] = re.findall(r'hx-get="([^"]+)"', page)
    rows = fetch(researcher_client, further.replace("&amp;", "&"), **{"hx-request": "true"})
    assert rows.count("data-opens") == PAGE_SIZE
    assert "<html" not in rows


def test_files_hold_what_the_list_shows_and_no_formulas(researcher_client: Client, run: Run) -> None:
    make_solution(run, problem=1, text="=cmd|' /C calc'!A0")
    make_solution(run, problem=2, invalid_at=EPOCH, invalid_reason="guessed")
    answer = researcher_client.get("/solutions/export/csv")
    rows = list(csv.DictReader(io.StringIO(b"".join(answer.streaming_content).decode())))  # type: ignore[attr-defined]
    assert [row["problem_id"] for row in rows] == ["made-2", "made-1"]
    assert rows[1]["solution"].startswith("'=cmd")
    answer = researcher_client.get("/solutions/export/jsonl?state=invalid")
    [line] = b"".join(answer.streaming_content).decode().splitlines()  # type: ignore[attr-defined]
    assert json.loads(line)["invalid_reason"] == "guessed"
    assert researcher_client.get("/solutions/export/exe").status_code == 404


def test_nothing_of_a_hostile_solution_becomes_html(researcher_client: Client, run: Run) -> None:
    solution = make_solution(
        run, text=HOSTILE, prompt=HOSTILE, answer=HOSTILE, problem_id=HOSTILE, problem_set=HOSTILE, verifier="<b>",
        invalid_at=EPOCH, invalid_reason=HOSTILE,
    )  # fmt: skip
    other = make_solution(run, 1, text=HOSTILE + "!", prompt=HOSTILE, answer=HOSTILE, problem_id=HOSTILE)
    addresses = (
        "/solutions/", "/solutions/?q=alert", f"/solutions/problem/{solution.problem}/", f"/solutions/{solution.pk}/",
        f"/solutions/compare/?a={solution.pk}&b={other.pk}",
    )  # fmt: skip
    for address in addresses:
        page = fetch(researcher_client, address)
        assert "<script>alert" not in page, address
        assert "<img src=x" not in page, address
        assert "<b>" not in page, address
        shown = re.sub(r"<option.*?</option>|<a [^>]*>|<title>.*?</title>", "", page)
        assert "\u202e" not in shown, address
        assert "&lt;script&gt;alert(1)" in page, address


def test_the_shortest_is_a_valid_one(researcher_client: Client, run: Run) -> None:
    make_solution(run, 0, invalid_at=EPOCH, text=right_text(0))
    valid = make_solution(run, 5)
    [row] = twin(researcher_client)["problems"]
    assert row["solution_ids"]["shortest"] == valid.pk
    assert VerifiedSolution.objects.count() == 2
