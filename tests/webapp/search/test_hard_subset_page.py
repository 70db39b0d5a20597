"""The hard subset of a phase: who entered, left and stayed, in words and numbers that agree with a slow reference."""

import random

import pytest
from django.test import Client
from pytest_django import DjangoAssertNumQueries

from tests.factories import make_prompt, make_run
from tests.made_trees import made_tree, store_made_tree
from training.config import HardSubsetConfig
from webapp.runs.models import Run
from webapp.runs.status import RunStatus
from webapp.search import hard_subset
from webapp.search.models import HardSubset
from webapp.search.pass_rates import draw_pass_rates, spread_of
from webapp.search.phases import Phase, Rule

pytestmark = pytest.mark.django_db


def searching(**subset: object) -> Run:
    return make_run(status=RunStatus.RUNNING, method={"kind": "deepsearch", "hard_subset": {"enabled": True} | subset})


def look(run: Run, phase: int, right: dict[str, int], kept: set[str], cached: set[str] = frozenset()) -> HardSubset:  # type: ignore[assignment]
    return HardSubset.objects.create(
        run=run, step=50 * phase, phase=phase, samples=4, ids=list(right), right=list(right.values()),
        kept=[name in kept for name in right], cached=[name in cached for name in right], tokens=1234,
    )  # fmt: skip


@pytest.fixture
def run() -> Run:
    run = searching(smallest=1)
    look(run, 0, {"a": 0, "b": 1, "c": 2, "d": 4}, {"a", "b"})
    look(run, 1, {"a": 1, "b": 3, "c": 0, "d": 4, "e": 0}, {"a", "c", "e"}, {"b"})
    look(run, 2, {"a": 3, "c": 1}, {"c"}, {"a"})
    return run


def ask(client: Client, run: Run, **query: object) -> dict[str, object]:
    return client.get(f"/runs/{run.pk}/hard-subset/", query | {"format": "json"}).json()


def changes(body: dict[str, object]) -> dict[str, str]:
    return {row["name"]: row["change"] for row in body["problems"]}  # type: ignore[index, attr-defined]


def test_it_says_what_each_phase_changed(researcher_client: Client, run: Run) -> None:
    first = ask(researcher_client, run, phase=0)
    assert changes(first) == {"a": "entered", "b": "entered", "c": "easy", "d": "easy"}
    second = ask(researcher_client, run, phase=1)
    assert changes(second) == {"a": "stayed", "b": "left", "c": "entered", "d": "easy", "e": "entered"}
    assert second["phase"]["counts"] == {  # type: ignore[index]
        "kept": 3, "entered": 2, "left": 1, "stayed": 1, "easy": 1, "cached": 1,
    }  # fmt: skip
    newest = ask(researcher_client, run)
    assert changes(newest) == {"c": "stayed", "a": "left", "b": "easy", "d": "easy", "e": "left"}
    assert newest["phase"]["pass_rates"] == [0, 1, 0, 1, 0]  # type: ignore[index]
    assert newest["phase"]["pass_rates_before"] == [2, 1, 0, 1, 1]  # type: ignore[index]
    assert [(row["phase"], row["looked_at"], row["hard"], row["in_cache"]) for row in newest["phases"]] == [  # type: ignore[attr-defined]
        (2, 2, 1, 1), (1, 5, 3, 1), (0, 4, 2, 0),
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("query", "names"),
    [
        ({"show": "kept"}, ["c", "e", "a"]),
        ({"show": "entered"}, ["c", "e"]),
        ({"show": "left"}, ["b"]),
        ({"show": "cached"}, ["b"]),
        ({"right": 0}, ["c", "e"]),
        ({"q": "B"}, ["b"]),
        ({"q": "seven times"}, ["e"]),
        ({"q": "nowhere"}, []),
        ({"show": "nonsense"}, ["c", "e", "a", "b", "d"]),
    ],
)
def test_problems_can_be_narrowed(
    researcher_client: Client, run: Run, query: dict[str, object], names: list[str]
) -> None:
    make_prompt(run, "e", "What is seven times two?", "14")
    assert list(changes(ask(researcher_client, run, phase=1, **query))) == names


def test_counts_agree_with_the_lists_on_any_phases(run: Run) -> None:
    draw = random.Random(3)
    names = [f"p{number}" for number in range(200)]
    before, now = (
        HardSubset(samples=4, ids=(ids := draw.sample(names, 150)), right=[draw.randint(0, 4) for _ in ids],
                   kept=[draw.random() < 0.5 for _ in ids], cached=[draw.random() < 0.2 for _ in ids])
        for _ in range(2)
    )  # fmt: skip
    phase = Phase(now, before)
    was = {name for name, kept in zip(before.ids, before.kept, strict=True) if kept}
    now_kept = {name for name, kept in zip(now.ids, now.kept, strict=True) if kept}
    assert phase.counts["entered"] == len(now_kept - was)
    assert phase.counts["left"] == len(was - now_kept)
    assert phase.counts["stayed"] == len(was & now_kept)
    assert len(phase.problems) == len({*before.ids, *now.ids})
    slots = draw_pass_rates(now, before, lambda right, samples: right <= 1)
    assert [slot.now.count for slot in slots] == spread_of(now)
    assert sum(slot.before.count for slot in slots if slot.before) == 150
    assert [slot.hard for slot in slots] == [True, True, False, False, False]


@pytest.mark.parametrize(
    ("rule", "threshold", "hard"),
    [("at_most", 0.25, ["0 of 4", "1 of 4"]), ("below", 0.25, ["0 of 4"]), ("below", 0.0, [])],
)
def test_the_rule_is_told_in_counts(rule: str, threshold: float, hard: list[str]) -> None:
    config = HardSubsetConfig.model_validate({"rule": rule, "threshold": threshold})
    assert Rule(config).hard_counts == hard


def test_the_page_explains_the_rule_and_a_subset_left_as_it_was(researcher_client: Client) -> None:
    run = searching(smallest=3, rule="below", threshold=0.5)
    look(run, 0, {"a": 0, "b": 3, "c": 3}, {"a", "b", "c"})
    page = " ".join(researcher_client.get(f"/runs/{run.pk}/hard-subset/").content.decode().split())
    assert "fewer than 50.0 % of them are right: <strong>0 of 4 or 1 of 4</strong>" in page
    assert "would have left too few problems" in page


def test_rows_show_the_problem_and_lead_to_its_trees(researcher_client: Client, run: Run) -> None:
    store_made_tree(run, made_tree(nodes=20, problem_id="<script>&"))
    look(run, 3, {"<script>&": 1, "z": 2}, {"<script>&"})
    page = researcher_client.get(f"/runs/{run.pk}/hard-subset/").content.decode()
    assert "<script>&" not in page
    assert f"/runs/{run.pk}/trees/?problem=%3Cscript%3E%26" in page
    listed = researcher_client.get(f"/runs/{run.pk}/trees/?problem=%3Cscript%3E%26&format=json").json()
    assert len(listed["trees"]) == 1
    assert "not asked in a step yet" in page


def test_long_phases_come_in_pages(
    researcher_client: Client, django_assert_max_num_queries: DjangoAssertNumQueries
) -> None:
    run = searching()
    look(run, 0, {f"p{number}": number % 5 for number in range(120)}, set())
    seen: list[str] = []
    after: object = 0
    with django_assert_max_num_queries(30):
        while after is not None:
            body = ask(researcher_client, run, after=after)
            seen += changes(body)
            after = body["next"]
    assert len(set(seen)) == len(seen) == 120
    rows = researcher_client.get(f"/runs/{run.pk}/hard-subset/?after=50", headers={"HX-Request": "true"})
    assert rows.content.decode().count("<tr") == hard_subset.PAGE_SIZE + 1


def test_damaged_addresses_are_answered_in_words(researcher_client: Client, run: Run) -> None:
    for query, status in (("phase=9", 404), ("phase=x", 400), ("after=-1", 400), ("q=%00", 200), ("after=999", 200)):
        assert researcher_client.get(f"/runs/{run.pk}/hard-subset/?{query}").status_code == status
    assert researcher_client.get("/runs/999/hard-subset/").status_code == 404


@pytest.mark.parametrize(
    ("method", "status", "phase", "said"),
    [
        ({"kind": "grpo"}, RunStatus.SUCCEEDED, "", "trains on all its problems"),
        ({"kind": "deepsearch"}, RunStatus.SUCCEEDED, "", "trains on all its problems"),
        ({"kind": "deepsearch", "hard_subset": {"enabled": True}}, RunStatus.FAILED, "", "ended before it had looked"),
        ({"kind": "deepsearch", "hard_subset": {"enabled": True}}, RunStatus.RUNNING, "filtering", "3 of 40"),
        ({"kind": "deepsearch", "hard_subset": {"enabled": True}}, RunStatus.QUEUED, "", "before the first step"),
    ],
)
def test_without_phases_it_says_why(
    researcher_client: Client, method: dict[str, object], status: RunStatus, phase: str, said: str
) -> None:
    run = make_run(status=status, method=method)
    Run.objects.filter(pk=run.pk).update(phase=phase, phase_done=3, phase_total=40)
    assert said in researcher_client.get(f"/runs/{run.pk}/hard-subset/").content.decode()
