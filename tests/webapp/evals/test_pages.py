"""The pages: what they show, their twins, who may what, and how often they ask the database."""

import csv
import io

import pytest
from django.test import Client
from django.urls import reverse
from pytest_django import DjangoAssertNumQueries

from tests.webapp.evals.asking import form, page
from tests.webapp.evals.made import make_evaluation
from tests.webapp.runs.pages.made import make_run
from webapp.accounts.models import User
from webapp.evals.models import AskedProblem
from webapp.inspection.models import Rollout
from webapp.runs.models import Run
from webapp.runs.status import RunStatus
from webapp.search.models import SearchTree

pytestmark = pytest.mark.django_db


def test_without_evaluations_the_list_says_what_one_is(researcher_client: Client) -> None:
    assert "No evaluations yet" in page(researcher_client, "/evals/")
    assert "No evaluation fits" in page(researcher_client, "/evals/?q=nothing")


def test_the_list_sorts_filters_and_has_twins(researcher_client: Client) -> None:
    low, high = make_evaluation((0, 1)), make_evaluation((4, 4), label="better one")
    shown = page(researcher_client, "/evals/?sort=-avg")
    assert shown.index(f"/evals/{high.pk}/") < shown.index(f"/evals/{low.pk}/")
    found = researcher_client.get("/evals/?q=better&format=json").json()["evaluations"]
    assert [each["id"] for each in found] == [high.pk]
    lines = list(csv.DictReader(io.StringIO(b"".join(researcher_client.get("/evals/?format=csv")).decode())))
    assert [float(line["pass_at_1"]) for line in lines] == [1.0, 0.125]
    for sort in ("model", "-problems", "k", "temperature", "pass", "-maj", "tokens", "status", "nonsense"):
        page(researcher_client, f"/evals/?sort={sort}")
    assert "The filters hold a mistake" in page(researcher_client, "/evals/?status=odd")


def test_a_page_shows_figures_levels_and_wrong_answers_that_look_equal(researcher_client: Client) -> None:
    made = make_evaluation()
    shown = page(researcher_client, f"/evals/{made.pk}/")
    assert "43.8 %" in shown
    assert "<script>alert()" not in shown
    assert "&lt;script&gt;" in shown
    assert "⟦202E⟧" in shown
    assert "holds the reference and no other number" in shown
    assert "With 1 override" not in shown
    assert 'role="region" aria-label="maj@k"' in shown
    twin = researcher_client.get(f"/evals/{made.pk}/?format=json").json()
    assert [row["right"] for row in twin["problems"]] == [0, 1, 2, 4]
    assert len(twin["look_equal"]) == 3
    assert twin["figures"]["overridden"] is None


def test_an_override_from_the_page_shows_both_figures(researcher_client: Client) -> None:
    made = make_evaluation()
    rollout = Rollout.objects.get(run=made.run, group__index=1, index=3)
    address = reverse("evals:override", args=[made.pk, rollout.pk])
    back = reverse("evals:detail", args=[made.pk])
    assert researcher_client.post(address, {"verdict": "right", "reason": "a unit", "next": back}).url == back
    shown = page(researcher_client, back)
    assert "With 1 override" in shown
    assert "43.8 %" in shown
    assert "50.0 %" in shown
    assert "a unit" in shown
    assert researcher_client.post(address, {"verdict": "perhaps"}).status_code == 400
    assert researcher_client.post(reverse("evals:withdraw", args=[made.pk, rollout.pk])).status_code == 302
    assert "With 1 override" not in page(researcher_client, back)


def test_viewers_look_and_change_nothing(client: Client, viewer: User) -> None:
    made = make_evaluation()
    client.force_login(viewer)
    assert "Count as right" not in page(client, f"/evals/{made.pk}/")
    rollout = Rollout.objects.filter(run=made.run, correct=False)[0]
    override = reverse("evals:override", args=[made.pk, rollout.pk])
    assert client.post(override, {"verdict": "right"}).status_code == 403
    assert client.get("/evals/new/").status_code == 403
    assert client.post("/evals/new/", form()).status_code == 403


def test_the_answers_to_a_problem_and_its_history_over_checkpoints(researcher_client: Client) -> None:
    source = make_run()
    first = make_evaluation((0, 1), checkpoint=(source, 10))
    second = make_evaluation((2, 3), checkpoint=(source, 20))
    group = first.run.groups.get(index=1)
    assert "Reference answer" in page(researcher_client, f"/evals/{first.pk}/answers/{group.pk}/")
    assert len(researcher_client.get(f"/evals/{first.pk}/answers/{group.pk}/?format=json").json()["answers"]) == 4
    key = AskedProblem.objects.get(run=first.run, problem_id="p1").key
    twin = researcher_client.get(f"/evals/problems/{key}/?format=json").json()
    assert [(each["source_step"], each["right"]) for each in twin["asked"]] == [(10, 1), (20, 3)]
    shown = page(researcher_client, f"/evals/problems/{key}/")
    assert f"run {source.pk}, step 20" in shown
    page(researcher_client, "/evals/problems/nosuchkey/", 404)
    page(researcher_client, f"/evals/{second.pk}/answers/{group.pk}/", 404)


def test_two_are_compared_pair_by_pair(researcher_client: Client) -> None:
    one, two = make_evaluation((0, 1, 1)), make_evaluation((4, 4, 2), first=1)
    response = researcher_client.get("/evals/compare/", {"ids": [two.pk, one.pk]})
    assert response.url == f"/evals/compare/?ids={one.pk},{two.pk}"
    found = researcher_client.get(response.url + "&format=json").json()["evaluations"]
    assert found[0]["less_the_first"] is None
    assert found[1]["less_the_first"]["problems"] == 2
    assert found[1]["less_the_first"]["avg"][0] == pytest.approx(0.75)
    shown = page(researcher_client, response.url)
    assert "McNemar" in shown
    changed = shown.partition("Problems that changed most")[2]
    assert "1+56" in changed, "a problem is told by its words"
    assert "0+57" not in changed, "only one asked it"
    apart = make_evaluation((1,), first=30)
    assert "no problem that both asked" in page(researcher_client, f"/evals/compare/?ids={one.pk},{apart.pk}")
    page(researcher_client, f"/evals/compare/?ids={one.pk}", 400)
    page(researcher_client, "/evals/compare/?ids=1,x", 400)
    page(researcher_client, f"/evals/compare/?ids={one.pk},999999", 404)


def test_figures_of_a_search_are_labelled_wherever_they_stand(
    researcher_client: Client, django_assert_max_num_queries: DjangoAssertNumQueries
) -> None:
    plain, made = make_evaluation((0, 1)), make_evaluation((2, 3), searches=True)
    for index, tokens in enumerate((300, 501)):
        prompt = made.run.prompts.get(problem_id=f"p{index}")
        SearchTree.objects.create(
            run=made.run, prompt=prompt, step=1, split="heldout", index=index, nodes=9, ends=4, right_ends=2,
            expansions=3, depth=2, tokens=tokens, mean_reward=0.0, solved=True, uniform=False,
        )  # fmt: skip
    with django_assert_max_num_queries(9):
        listed = page(researcher_client, "/evals/")
    assert listed.count(">oracle search</span>") == 1
    assert "tree 400" in listed
    both = researcher_client.get("/evals/?format=json").json()["evaluations"]
    assert [each["searched_tokens_mean"] for each in both] == [400.5, None]
    narrowed = researcher_client.get("/evals/?search=false&format=json").json()["evaluations"]
    assert [each["id"] for each in narrowed] == [plain.pk]
    assert "a search that the verifier guides" in page(researcher_client, f"/evals/{made.pk}/")
    assert "400 tokens sampled for a tree" in page(researcher_client, f"/evals/{made.pk}/")
    assert "the verifier guides" not in page(researcher_client, f"/evals/{plain.pk}/")
    compared = page(researcher_client, f"/evals/compare/?ids={plain.pk},{made.pk}")
    assert "1 of 2 lets the verifier" in compared
    assert compared.count("oracle search</span>") == 2, "in the table and in the key of the chart"
    key = AskedProblem.objects.get(run=made.run, problem_id="p1").key
    history = page(researcher_client, f"/evals/problems/{key}/")
    assert history.count(">oracle search</span>") == 2, "in the table and in the key of the chart"
    group = made.run.groups.get(index=1)
    assert ">oracle search</span>" in page(researcher_client, f"/evals/{made.pk}/answers/{group.pk}/")
    assert "cannot be compared with those of samples" in page(researcher_client, "/evals/new/")


def test_a_running_one_follows_and_a_failed_one_says_why(researcher_client: Client) -> None:
    running = make_evaluation(status=RunStatus.RUNNING)
    shown = page(researcher_client, f"/evals/{running.pk}/")
    assert "hx-trigger" in shown
    assert "43.8 %" in shown
    empty = make_evaluation((), status=RunStatus.QUEUED)
    assert "No answer has come yet" in page(researcher_client, f"/evals/{empty.pk}/")
    failed = make_evaluation((), status=RunStatus.FAILED)
    Run.objects.filter(pk=failed.run_id).update(error="<b>no such model</b>")
    shown = page(researcher_client, f"/evals/{failed.pk}/")
    assert "&lt;b&gt;no such model" in shown
    assert "ended before its first batch" in shown
    page(researcher_client, "/evals/")
    page(researcher_client, "/evals/999999/", 404)


def test_evaluations_are_no_training_runs(researcher_client: Client) -> None:
    made = make_evaluation()
    assert f"/runs/{made.run_id}/" not in page(researcher_client, "/runs/")
    assert f"/runs/{made.run_id}/" in page(researcher_client, "/runs/?method=evaluate")
    assert f"/evals/{made.pk}/" in page(researcher_client, f"/runs/{made.run_id}/")
    page(researcher_client, f"/runs/new/?clone={made.run_id}", 400)
    assert "heldout" in page(researcher_client, f"/runs/{made.run_id}/rollouts/")
    for tab in ("checkpoints", "health", "log", "config", "reasoning"):
        page(researcher_client, f"/runs/{made.run_id}/{tab}/")
    assert 'value="evaluate"' not in page(researcher_client, "/runs/new/")


def test_pages_ask_the_database_no_more_often_for_more_rows(
    researcher_client: Client, django_assert_max_num_queries: DjangoAssertNumQueries
) -> None:
    made = make_evaluation([i % 5 for i in range(20)])
    other = make_evaluation([(i * 3) % 5 for i in range(20)])
    for _ in range(6):
        make_evaluation((1,))
    key = AskedProblem.objects.get(run=made.run, problem_id="p0").key
    group = made.run.groups.get(index=0)
    for address in (
        "/evals/", "/evals/?sort=-avg", f"/evals/{made.pk}/", f"/evals/compare/?ids={made.pk},{other.pk}",
        f"/evals/problems/{key}/", f"/evals/{made.pk}/answers/{group.pk}/", "/evals/new/",
    ):  # fmt: skip
        with django_assert_max_num_queries(15):
            page(researcher_client, address)


def test_the_list_of_problems_pages_by_keyset(researcher_client: Client) -> None:
    made = make_evaluation([i % 5 for i in range(60)], near=None)
    first = researcher_client.get(f"/evals/{made.pk}/?format=json&sort=-correct_count").json()
    second = researcher_client.get(f"/evals/{made.pk}/?format=json&sort=-correct_count&after={first['next']}").json()
    right = [row["right"] for row in first["problems"] + second["problems"]]
    assert right == sorted((i % 5 for i in range(60)), reverse=True)
    more = researcher_client.get(f"/evals/{made.pk}/?after={first['next']}", headers={"HX-Request": "true"})
    assert more.content.decode().lstrip().startswith("<tr>")
    lines = b"".join(researcher_client.get(f"/evals/{made.pk}/problems.csv")).decode().splitlines()
    assert len(lines) == 61
