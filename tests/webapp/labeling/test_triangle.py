"""People, verifier and reward model: who disagrees on what, over which steps, and which labels a model moved on."""

import re
from typing import Any

import pytest
from django.test import Client

from tests.factories import make_group
from tests.webapp.labeling.made import project_of
from tests.webapp.labeling.test_preferences import run_with
from tests.webapp.labeling.triangle_story import item_of, label, ranking_project, score
from tests.webapp.runs.pages.made import make_run
from webapp.accounts.models import User
from webapp.labeling.choices import AnnotationKind, Mode
from webapp.labeling.items import ItemDraft, ResponseDraft, add_items
from webapp.labeling.models import Annotation, LabelProject, ResponseScore
from webapp.labeling.triangle.by_step import StepSeries, series_of
from webapp.labeling.triangle.changes import read_changes
from webapp.labeling.triangle.disagreements import disagreements
from webapp.labeling.triangle.judged import judged_items
from webapp.labeling.triangle.queue_page import read_queue
from webapp.labeling.triangle.scores import StoredScores

pytestmark = pytest.mark.django_db


def kinds(project: LabelProject, **asked: str) -> dict[int, set[str]]:
    """Kinds of disagreement by the item's number."""
    return {row.found.item.number: set(row.found.sizes) for row in read_queue(project, asked).rows}


def text_of(response: Any) -> str:
    return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", "", response.content.decode()))


def test_people_who_put_a_wrong_response_first_disagree_with_the_verifier() -> None:
    project = ranking_project(5)
    label(item_of(project, 1), [2, 1, 3])
    label(item_of(project, 2), [1, 2, 3])
    label(item_of(project, 3), [1, 1, 2])  # a right one shares the first place
    label(item_of(project, 4), [1, 2, 3])
    for name in ("mia", "noa"):
        label(item_of(project, 4), [3, 2, 1], by=name)  # the majority decides
    assert kinds(project) == {1: {"people-verifier"}, 4: {"people-verifier"}}


def test_an_adjudicated_label_stands_alone_and_withdrawn_ones_count_for_nothing() -> None:
    project = ranking_project(2)
    for number in (1, 2):
        label(item_of(project, number), [3, 1, 2])
    label(item_of(project, 1), [1, 2, 3], kind=AnnotationKind.ADJUDICATED, by="ada")
    assert set(kinds(project)) == {2}
    Annotation.objects.filter(item=item_of(project, 2)).update(withdrawn_at="2026-01-01T00:00Z")
    assert kinds(project) == {}


def test_a_reward_model_is_held_against_both_by_its_latest_scores() -> None:
    project, run = ranking_project(4), make_run(name="RM")
    first, second, third, _ = project.items.all()
    label(first, [1, 2, 3])
    label(second, [1, 2, 3])
    score(run, first, [9.0, 0.0, 0.0], step=1)
    score(run, first, [0.5, 2.0, 0.0], step=2)
    score(run, second, [3.0, 2.0, 0.0])
    score(run, third, [0.0, -1.0, 0.25])  # nobody labeled it
    assert kinds(project) == {1: {"people-reward", "verifier-reward"}, 3: {"verifier-reward"}}
    assert [row.found.item.number for row in read_queue(project, {"kind": "verifier-reward"}).rows] == [1, 3]
    assert read_queue(project, {}).scored == 3
    assert kinds(project, reward="stored") == {}


def test_stored_rewards_are_taken_where_no_model_was_trained() -> None:
    project = project_of(0, Mode.RANKING)
    responses = [ResponseDraft("a", correct=True, reward=0.0), ResponseDraft("b", correct=False, reward=1.0)]
    add_items(project, [ItemDraft("?", responses)])
    assert kinds(project) == {1: {"verifier-reward"}}


def test_the_widest_tenth_of_the_spreads_is_uncertain() -> None:
    project, run = ranking_project(20), make_run(name="RM")
    for item in project.items.all():
        score(run, item, [2.0, 1.0, 0.0], {0: 0.1, 1: item.number / 100})
    found = kinds(project, kind="spread")
    assert list(found) == [20, 19]


def test_a_labeler_who_contradicts_a_mirrored_repeat_is_noticed() -> None:
    project = ranking_project(3)
    for number, again in ((1, [2, 1, 3]), (2, [1, 2, 2]), (3, [1, 2, 3])):
        label(item_of(project, number), again, of=label(item_of(project, number), [1, 2, 3]))
    assert kinds(project) == {1: {"flips"}}
    item = judged_items(project, StoredScores())[0]
    assert (item.ranks, item.labels) == ((1, 2, 3), 1)  # the repeat is no second label


def test_items_set_aside_are_left_out() -> None:
    project = ranking_project(1)
    label(item_of(project, 1), [2, 1, 3])
    project.items.update(set_aside=True)
    assert disagreements(judged_items(project, StoredScores())) == []


@pytest.mark.parametrize(("mode", "value"), [
    (Mode.PAIRWISE, {"choice": "second_clearly"}),
    (Mode.RATING, {"ratings": [{"clear": 1}, {"clear": 4}]}),
    (Mode.TREE_STEP, {"best": 1}),
])  # fmt: skip
def test_every_mode_has_a_first_place(mode: Mode, value: dict[str, Any]) -> None:
    rubric = [{"key": "clear", "label": "Clear"}] if mode == Mode.RATING else []
    project = project_of(1, mode, rubric=rubric)
    item = item_of(project, 1)
    item.responses.filter(index=0).update(correct=True)
    item.responses.filter(index=1).update(correct=False)
    label(item, value)
    assert kinds(project) == {1: {"people-verifier"}}


def checkpoints_project(wins: dict[int, tuple[int, int]], rewards: dict[int, float]) -> tuple[LabelProject, int]:
    """Items that hold a response of a step against a fixed one: per step how many of how many people preferred."""
    run = make_run(name="PPO")
    project = project_of(0)
    drafts = [
        ItemDraft(f"p{step}.{n}", [
            ResponseDraft("a", run_id=run.pk, step=step, reward=rewards[step] + n / 100),
            ResponseDraft("b", source="human"),
        ])
        for step, (_, of) in wins.items()
        for n in range(of)
    ]  # fmt: skip
    add_items(project, drafts)
    numbers = iter(range(1, len(drafts) + 1))
    for won, of in wins.values():
        for n in range(of):
            label(item_of(project, next(numbers)), {"choice": "first_clearly" if n < won else "second_slightly"})
    return project, run.pk


def series(project: LabelProject, run: int) -> StepSeries:
    return series_of(judged_items(project, StoredScores()), run)


def test_a_reward_that_rises_while_people_turn_away_raises_the_alarm() -> None:
    project, run = checkpoints_project({10: (14, 16), 40: (2, 16)}, {10: 0.2, 40: 0.9})
    found = series(project, run)
    first, last = found.points
    assert (first.label, first.reward.n, first.win_rate.value) == ("10", 16, pytest.approx(14 / 16))
    assert last.win_rate.value == pytest.approx(2 / 16)
    assert last.reward.low > first.reward.high  # type: ignore[operator]
    assert first.agreement.value is None
    assert found.alarm == "found"
    assert read_queue(project, {}).hacked == run


def test_figures_that_may_be_chance_are_only_suspected_and_a_good_run_is_neither() -> None:
    project, run = checkpoints_project({10: (3, 4), 40: (2, 4)}, {10: 0.2, 40: 0.9})
    assert series(project, run).alarm == "suspected"
    assert read_queue(project, {}).hacked is None
    project, run = checkpoints_project({10: (2, 8), 40: (7, 8)}, {10: 0.2, 40: 0.9})
    assert series(project, run).alarm == ""


def test_many_steps_are_taken_together() -> None:
    steps = dict.fromkeys(range(30), (1, 1))
    project, run = checkpoints_project(steps, dict.fromkeys(steps, 1.0))
    points = series(project, run).points
    assert [point.label for point in points][:2] == ["0–2", "3–5"]
    assert len(points) == 10


def test_of_two_responses_of_a_step_people_side_with_the_reward_or_not() -> None:
    run, project = make_run(name="PPO"), project_of(0, Mode.RANKING)
    drafts = [
        ItemDraft("p", [ResponseDraft(str(n), run_id=run.pk, step=step, reward=float(n)) for n in range(3)])
        for step in (1, 2)
    ]
    add_items(project, drafts)
    label(item_of(project, 1), [3, 2, 1])
    label(item_of(project, 2), [1, 1, 2])
    assert [point.agreement.value for point in series(project, run.pk).points] == [1.0, 0.0]


def test_a_model_that_changed_its_mind_did_so_towards_people_or_away() -> None:
    project, old, new = ranking_project(3), make_run(name="RM 1"), make_run(name="RM 2")
    for item in project.items.all():
        label(item, [1, 2, 3])
    for number, before, after in (
        (1, [0.0, 1.0, -1.0], [3.0, 1.0, -1.0]),
        (2, [2.0, 1.0, 0.0], [2.0, 0.0, 1.0]),
        (3, [2.0, 1.0, 0.0], [9.0, 1.0, 0.0]),
    ):
        score(old, item_of(project, number), before, heldout=True)
        score(new, item_of(project, number), after, heldout=number == 1)
    page = read_changes(project, {})
    assert (page.first, page.second, page.pairs) == (old, new, 9)
    assert (page.right_before, page.right_after) == (8, 8)
    assert [(row.key, row.toward) for row in page.rows] == [("1-0-1", True), ("2-1-2", False)]
    assert [row.key for row in read_changes(project, {"direction": "away"}).rows] == ["2-1-2"]
    assert (page.toward, page.away) == (1, 1)
    assert [row.heldout for row in page.rows] == [True, False]
    assert read_changes(project, {"b": str(old.pk)}).first == new
    back = read_changes(project, {"a": str(new.pk), "b": str(old.pk)})
    assert [row.toward for row in back.rows] == [False, True]


def test_the_pages_link_to_rollouts_and_rollouts_back_to_labels(client: Client, viewer: User) -> None:
    run = make_run(name="GRPO")
    group = make_group(run, step=7, index=3, rewards=[1.0, 0.0], parts={"learned": 2.5})
    other, rollout = group.rollouts.order_by("index")
    project = project_of(0, Mode.RANKING)
    at = {"run_id": run.pk, "step": 7, "split": "train", "group_index": 3}
    responses = [
        ResponseDraft("yes", correct=True, reward=1.0, rollout_index=0, **at),
        ResponseDraft("no", correct=False, reward=2.0, rollout_index=1, **at),
    ]
    add_items(project, [ItemDraft("<script>2+2?</script>", responses)])
    label(item_of(project, 1), [2, 1])
    client.force_login(viewer)
    page = client.get(f"/label/{project.slug}/triangle/")
    body = page.content.decode()
    assert f'href="/rollouts/{rollout.pk}/"' in body
    assert f'href="/rollouts/{other.pk}/"' in body
    assert "&lt;script&gt;2+2?" in body
    assert "2.5" in text_of(client.get(f"/label/{project.slug}/triangle/?reward=learned"))
    told = text_of(client.get(f"/rollouts/{rollout.pk}/"))
    assert "1. of 2 by 1 label: item 1 of Test 0, response 2" in told
    assert "2. of 2 by 1 label" in text_of(client.get(f"/rollouts/{other.pk}/"))
    bystander = make_group(run, step=8, index=3).rollouts.get(index=1)
    assert "What people say" not in text_of(client.get(f"/rollouts/{bystander.pk}/"))
    steps = text_of(client.get(f"/label/{project.slug}/triangle/steps/"))
    assert "Responses of one step make no curve" in steps


def test_pages_without_anything_say_what_to_do(client: Client, viewer: User) -> None:
    project = project_of(0)
    client.force_login(viewer)
    for page, says in (
        ("", "The project has no items yet."),
        ("steps/", "None of the responses comes from a run."),
        ("changes/", "No reward model has scored responses of this project."),
    ):
        assert says in text_of(client.get(f"/label/{project.slug}/triangle/{page}"))
    assert client.get(f"/label/{project.slug}/triangle/?reward=99").status_code == 404
    assert client.get(f"/label/{project.slug}/triangle/?kind=odd&after=x").status_code == 200


def test_many_items_take_few_queries(client: Client, viewer: User, django_assert_max_num_queries: Any) -> None:
    project, old, new = ranking_project(100), make_run(name="RM 1"), make_run(name="RM 2")
    Annotation.objects.bulk_create(
        Annotation(item=item, annotator=viewer, client_id=f"00000000-0000-0000-0000-{item.pk:012}", seconds=1.0,
                   value={"ranks": [2, 1, 3]})
        for item in project.items.all()
    )  # fmt: skip
    for run in (old, new):
        ResponseScore.objects.bulk_create(
            ResponseScore(
                run=run, step=1, item=item, index=index, reward=(index * run.pk) % 3, spread=0.1, heldout=False
            )
            for item in project.items.all()
            for index in range(3)
        )
    client.force_login(viewer)
    for page in ("", "?kind=people-verifier", "steps/", "changes/"):
        with django_assert_max_num_queries(14):
            response = client.get(f"/label/{project.slug}/triangle/{page}")
        assert response.status_code == 200
    first = read_queue(project, {"kind": "people-verifier"})
    assert (first.total, len(first.rows), first.after) == (100, 25, 25)
    second = read_queue(project, {"kind": "people-verifier", "after": "25"})
    assert second.rows[0].found.item.number == 26


def test_the_page_of_a_reward_model_leads_to_the_projects_that_it_scored(client: Client, viewer: User) -> None:
    run, project = run_with(3), ranking_project(2)
    client.force_login(viewer)
    assert "triangle" not in client.get(f"/runs/{run.pk}/preferences/").content.decode()
    for item in project.items.all():
        score(run, item, [1.0, 0.0, 2.0])
    page = client.get(f"/runs/{run.pk}/preferences/").content.decode()
    assert page.count(f'href="/label/{project.slug}/triangle/') == 2
    assert f"?reward={run.pk}" in page
    told = text_of(client.get(f"/label/{project.slug}/triangle/?reward={run.pk}"))
    assert "2 of 2 items have a reward" in told
