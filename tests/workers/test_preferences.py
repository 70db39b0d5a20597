"""Labels on their way to a trainer, and what it says of them on its way back."""

import hashlib
import json
import uuid
from typing import Any

import pytest

from tests.webapp.labeling.made import given, labelers, project_of, submit
from tests.workers.events import started
from tests.workers.following import catch_up, say
from training.config import PROJECT_RANKINGS, ProjectRankings, RewardModelMethod, RunConfig
from training.events import RankingsLoaded, RankingsScored
from training.events.preferences import ItemScored, PairCount, WrongPair
from training.rankings import read_rankings
from webapp.accounts.models import Role, User
from webapp.core.errors import UserError
from webapp.labeling import answers
from webapp.labeling.choices import Mode
from webapp.labeling.models import LabelProject, PreferenceReport, ResponseScore
from webapp.labeling.projects import change_overlap
from webapp.runs import services
from webapp.runs.models import Run
from workers.ingest import rebuild
from workers.preparation import prepare_folder

pytestmark = pytest.mark.django_db


def labeled_project(items: int = 3) -> LabelProject:
    project = project_of(items)
    (user,) = labelers(1)
    for _ in range(items):
        submit(given(project, user))
    return project


def run_on(project: LabelProject) -> Run:
    run = services.create_run(RunConfig(method=method_on(project.slug)))
    run.folder.mkdir(parents=True, exist_ok=True)
    return run


def method_on(slug: str) -> RewardModelMethod:
    return RewardModelMethod(rankings=ProjectRankings(slug=slug))


def test_a_run_is_given_the_labels_of_its_launch_and_keeps_them() -> None:
    project = labeled_project()
    run = run_on(project)
    assert run.name == f"Reward model on labels of {project.slug}"
    prepare_folder(run)
    path = run.folder / PROJECT_RANKINGS
    rows = list(read_rankings(path))
    assert [(row.project, row.item_number) for row in rows] == [(project.slug, number) for number in (1, 2, 3)]
    before = path.read_bytes()
    change_overlap(project, 2)
    submit(given(project, User.objects.create_user("late", role=Role.LABELER)))
    prepare_folder(run)
    assert path.read_bytes() == before


def test_labels_of_single_responses_order_nothing_and_are_left_out() -> None:
    rubric = [{"key": "clear", "label": "Clear"}]
    project = project_of(1, Mode.RATING, responses=1, rubric=rubric)
    (user,) = labelers(1)
    assignment = given(project, user)
    value = {"ratings": {assignment.handles[0]: {"clear": 3}}}
    answers.submit(assignment, user, uuid.uuid4(), value, 9.0)
    run = run_on(project)
    with pytest.raises(UserError, match="no labels that compare responses"):
        prepare_folder(run)
    assert not list(run.folder.glob("rankings*"))


def test_what_cannot_be_learned_from_is_refused_before_the_run_exists() -> None:
    with pytest.raises(UserError, match="There is no labeling project 'nowhere'"):
        services.create_run(RunConfig(method=method_on("nowhere")))
    with pytest.raises(UserError, match="has no labels yet"):
        run_on(project_of(2))
    with pytest.raises(UserError, match="single steps of a tree"):
        run_on(project_of(2, Mode.TREE_STEP))
    assert not Run.objects.exists()


def test_a_project_that_is_gone_at_launch_is_named() -> None:
    project = labeled_project()
    run = run_on(project)
    project.delete()
    with pytest.raises(UserError, match="is gone"):
        prepare_folder(run)


def loaded() -> RankingsLoaded:
    return RankingsLoaded(step=0, labels=3, digest=hashlib.sha256(b"").hexdigest(), train_items=2, heldout_items=1)


def scored(step: int, slug: str, *items: int, rewards: tuple[float, ...] = (1.0, -1.0)) -> RankingsScored:
    wrong = WrongPair(project=slug, item=1, annotator="annotator-1", chosen=0, rejected=1, difference=-0.5,
                      prompt="nul \0", chosen_text="a", rejected_text="b")  # fmt: skip
    told = [
        ItemScored(project=slug, item=item, heldout=item == 1, rewards=[step + reward for reward in rewards],
                   spreads=[0.25] * len(rewards))
        for item in items
    ]  # fmt: skip
    agreement = PairCount(pairs=4, right=3)
    return RankingsScored(
        step=step, heads=2, loss=0.5, pairs=1, right=0, ties=0, agreement=agreement, wrong=[wrong], items=told
    )


def scores(run: Run) -> list[tuple[Any, ...]]:
    rows = ResponseScore.objects.filter(run=run).order_by("step", "item__number", "index")
    return list(rows.values_list("step", "item__number", "index", "reward", "spread", "heldout"))


def test_rewards_become_rows_and_reports_are_kept() -> None:
    project = labeled_project()
    run = run_on(project)
    events = [started(6), loaded(), scored(0, project.slug, 1), scored(6, project.slug, 1, 2)]
    say(run, events)
    catch_up(run)
    expected = [(0, 1, 0, 1.0, 0.25, True), (0, 1, 1, -1.0, 0.25, True), (6, 1, 0, 7.0, 0.25, True),
                (6, 1, 1, 5.0, 0.25, True), (6, 2, 0, 7.0, 0.25, False), (6, 2, 1, 5.0, 0.25, False)]  # fmt: skip
    assert scores(run) == expected
    assert (run.rankings_used.labels, run.rankings_used.heldout_items) == (3, 1)  # type: ignore[attr-defined]
    report = PreferenceReport.objects.get(run=run, step=6).report
    assert report["agreement"] == {"pairs": 4, "right": 3}
    assert report["wrong"][0]["prompt"] == "nul \ufffd"
    assert "items" not in report
    rebuild(run.pk)
    assert scores(run) == expected


def test_what_a_resumed_trainer_takes_back_is_forgotten() -> None:
    project = labeled_project()
    run = run_on(project)
    say(run, [started(6), loaded(), scored(2, project.slug, 1), scored(4, project.slug, 1)])
    catch_up(run)
    say(run, [started(6, resumed=2, attempt=2), loaded(), scored(4, project.slug, 1, rewards=(2.0, 0.0))])
    catch_up(run)
    assert [row[:4] for row in scores(run)] == [(2, 1, 0, 3.0), (2, 1, 1, 1.0), (4, 1, 0, 6.0), (4, 1, 1, 4.0)]
    assert list(PreferenceReport.objects.filter(run=run).values_list("step", flat=True)) == [2, 4]


def test_scores_of_items_that_are_gone_or_differ_are_left_out() -> None:
    project = labeled_project()
    run = run_on(project)
    say(run, [started(6), scored(1, project.slug, 2, 99), scored(2, "elsewhere", 1)])
    say(run, [scored(3, project.slug, 1, rewards=(1.0, 2.0, 3.0))])
    catch_up(run)
    assert {row[:2] for row in scores(run)} == {(1, 2)}
    assert not run.alerts.exists()


def test_made_up_scores_survive_json() -> None:
    told = scored(1, "p", 1)
    assert RankingsScored.model_validate(json.loads(told.model_dump_json())) == told
