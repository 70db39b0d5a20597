"""Pages of a problem's solutions, of one, and of two; and the line on the page of a run."""

import json

import pytest
from django.test import Client
from pytest_django import DjangoAssertNumQueries

from tests.factories import make_run
from tests.made_solutions import EPOCH, make_solution, right_text, searching_run, use
from tests.made_trees import made_tree, store_made_tree
from webapp.runs.models import MetricPoint, MetricSeries, Run
from webapp.runs.status import RunStatus
from webapp.search.models import VerifiedSolution
from webapp.search.solutions_page import PAGE_SIZE

pytestmark = pytest.mark.django_db


def fetch(client: Client, address: str, **headers: str) -> str:
    answer = client.get(address, headers=headers)
    assert answer.status_code == 200, (address, answer.status_code)
    return answer.content.decode()


@pytest.fixture
def run(db: None) -> Run:
    return searching_run("finder")


def test_a_problem_shows_its_solutions_who_found_them_and_where_they_were_used(
    researcher_client: Client, run: Run
) -> None:
    tree = store_made_tree(run, made_tree())
    short = make_solution(run, 0, tree=tree, node=7)
    long, wrong = make_solution(run, 1), make_solution(run, 2, invalid_at=EPOCH, invalid_reason="adds, then multiplies")
    user = searching_run("taker")
    use(user, 4, long)
    use(user, 9, long, short)
    page = fetch(researcher_client, f"/solutions/problem/{short.problem}/")
    assert "3 distinct solutions" in page
    assert f'href="/trees/{tree.pk}/?node=7"' in page
    assert f'href="/runs/{run.pk}/steps/1/"' in page
    assert page.index(f"Solution {short.pk}") < page.index(f"Solution {long.pk}"), "shortest first"
    for mark in ("★</span> shortest", "★</span> found first", "★</span> most reused"):
        assert page.count(mark) == 1
    assert "adds, then multiplies" in page
    assert "✕</span> Invalid</span>" in page[page.index(f"Solution {wrong.pk}") :]
    assert f'href="/runs/{user.pk}/steps/4/"' in page
    assert f'href="/runs/{user.pk}/steps/9/"' in page
    told = json.loads(fetch(researcher_client, f"/solutions/problem/{short.problem}/?format=json"))
    assert told["uses"] == [
        {"run": user.pk, "name": "taker", "times": 3, "first_step": 4, "last_step": 9, "tokens_saved": 300}
    ]
    assert [each["marks"] for each in told["shown"]] == [["shortest", "found first"], ["most reused"], []]


def test_a_problem_with_many_solutions_comes_in_pages(
    researcher_client: Client, run: Run, django_assert_max_num_queries: DjangoAssertNumQueries
) -> None:
    key = [make_solution(run, number).problem for number in range(PAGE_SIZE + 3)].pop()
    with django_assert_max_num_queries(14) as asked:
        page = fetch(researcher_client, f"/solutions/problem/{key}/")
    assert not any('"token_ids"' in each["sql"] for each in asked.captured_queries)
    assert page.count("<article") == PAGE_SIZE
    further = page.split('hx-get="')[1].split('"')[0].replace("&amp;", "&")
    assert fetch(researcher_client, further, **{"hx-request": "true"}).count("<article") == 3
    longest_first = fetch(researcher_client, f"/solutions/problem/{key}/?sort=-length")
    assert right_text(PAGE_SIZE + 2)[:60] in longest_first.replace("&lt;", "<").replace("&gt;", ">")


def test_a_solution_has_its_text_finder_uses_and_neighbours(
    researcher_client: Client, run: Run, django_assert_max_num_queries: DjangoAssertNumQueries
) -> None:
    first, solution, last = (make_solution(run, number) for number in range(3))
    use(run, 12, solution)
    with django_assert_max_num_queries(12):
        page = fetch(researcher_client, f"/solutions/{solution.pk}/")
    assert f'data-key="k" href="/solutions/{first.pk}/"' in page
    assert f'data-key="j" href="/solutions/{last.pk}/"' in page
    assert f'href="/runs/{run.pk}/steps/12/"' in page
    assert "12+21 = 12+21" in page
    told = json.loads(fetch(researcher_client, f"/solutions/{solution.pk}/?format=json"))
    assert told["text"] == solution.text
    assert told["uses"][0]["steps"] == [12]


def test_a_solution_outlives_its_run_and_its_tree(researcher_client: Client, run: Run) -> None:
    solution = make_solution(run, tree=store_made_tree(run, made_tree()), node=3)
    use(run, 2, solution)
    VerifiedSolution.objects.update(tree=None)
    run.delete()
    page = fetch(researcher_client, f"/solutions/{solution.pk}/")
    assert "a run that has been deleted" in page
    assert "Not used yet" in page


def test_two_solutions_are_compared_word_by_word(researcher_client: Client, run: Run) -> None:
    one = make_solution(run, text="first multiply, then add: 33")
    two = make_solution(run, text="first add, then multiply: 33")
    answer = researcher_client.get("/solutions/compare/", {"pick": [one.pk, two.pk]})
    assert answer["Location"] == f"/solutions/compare/?a={one.pk}&b={two.pk}"
    page = fetch(researcher_client, answer["Location"])
    assert '<del id="divergence" class="first">multiply</del>' in page
    other = make_solution(run, problem=1)
    assert "different problems" in fetch(researcher_client, f"/solutions/compare/?a={one.pk}&b={other.pk}")
    told = json.loads(fetch(researcher_client, f"/solutions/compare/?a={one.pk}&b={two.pk}&format=json"))
    assert told["a"]["id"] == one.pk
    assert any(block["kind"] == "different" for block in told["blocks"])


@pytest.mark.parametrize(
    ("address", "status"),
    [
        ("/solutions/999999/", 404), ("/solutions/problem/nowhere/", 404), ("/solutions/checks/999999/", 404),
        ("/solutions/compare/", 400), ("/solutions/compare/?a=1&b=1", 400), ("/solutions/compare/?a=1&b=x", 400),
        ("/solutions/compare/?a=999998&b=999999", 404), ("/solutions/compare/?pick=1", 400),
        ("/runs/999999/solutions/panel", 404), ("/solutions/problem/%00/", 404),
    ],
)  # fmt: skip
def test_what_is_not_there_is_said_to_be_so(researcher_client: Client, address: str, status: int) -> None:
    assert researcher_client.get(address).status_code == status


def test_a_run_tells_of_its_cache_and_asks_again_while_it_trains(researcher_client: Client, run: Run) -> None:
    Run.objects.filter(pk=run.pk).update(status=RunStatus.RUNNING)
    overview = f"/runs/{run.pk}/"
    assert "none found or used yet" in fetch(researcher_client, overview)
    solution, _ = make_solution(run, 0), make_solution(run, 1)
    use(run, 8, solution, tokens_saved=1500)
    series = MetricSeries.objects.create(run=run, name="cache/reuse_share")
    MetricPoint.objects.create(series=series, step=8, value=0.25)
    page = fetch(researcher_client, overview)
    assert f'href="/solutions/?run={run.pk}">1 problem cached' in page
    assert "25.0 % of step 8" in page
    assert "1,500 tokens saved" in page
    assert 'hx-trigger="every 15s"' in page
    Run.objects.filter(pk=run.pk).update(status=RunStatus.SUCCEEDED)
    panel = fetch(researcher_client, f"/runs/{run.pk}/solutions/panel")
    assert "1,500 tokens saved" in panel
    assert "hx-trigger" not in panel
    assert "run-solutions" not in fetch(researcher_client, f"/runs/{make_run().pk}/")
