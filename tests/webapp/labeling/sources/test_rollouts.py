"""Items of rollouts: which groups match, which responses are taken, and that the seed decides."""

from typing import Any

import pytest

from tests.factories import make_group, make_prompt, make_run
from tests.webapp.labeling.made import project_of
from webapp.inspection.models import Rollout, RolloutGroup
from webapp.labeling.choices import Mode
from webapp.labeling.items import add_items
from webapp.labeling.models import LabelProject
from webapp.labeling.sources.rollouts import Choose, RolloutsAsked, draw, has_learned_rewards, runs_with_rollouts
from webapp.runs.models import Run

pytestmark = pytest.mark.django_db


@pytest.fixture
def run(db: None) -> Run:
    return make_run("demo")


@pytest.fixture
def project(db: None) -> LabelProject:
    return project_of(0, Mode.RANKING)


def asked(run: Run, choose: Choose = Choose.RANDOM, **values: Any) -> RolloutsAsked:
    usual = {"split": "train", "first_step": None, "last_step": None, "responses": 2, "count": 50, "seed": 0}
    return RolloutsAsked(run=run, choose=choose, **usual | values)


def groups_of(drawn: Any) -> list[tuple[int, int]]:
    return [(draft.origin["step"], draft.origin["group"]) for draft in drawn.drafts]


def learned(group: RolloutGroup, *scores: float | None) -> RolloutGroup:
    for rollout, score in zip(group.rollouts.order_by("index"), scores, strict=True):
        parts = {"accuracy": float(bool(rollout.correct))} | ({} if score is None else {"learned": score})
        Rollout.objects.filter(pk=rollout.pk).update(parts=parts)
    return group


def test_an_item_holds_problem_answer_and_the_address_of_each_response(run: Run, project: LabelProject) -> None:
    for index in range(2):
        prompt = make_prompt(run, f"p{index}", f"What is {index}+4?", answer=str(index + 4))
        make_group(run, step=3, index=index, rewards=(1.0, 0.0), prompt=prompt)
    drawn = draw(project, asked(run))
    assert (drawn.matching, drawn.already_here, drawn.too_alike) == (2, 0, 0)
    draft = next(draft for draft in drawn.drafts if draft.origin["group"] == 1)
    assert (draft.prompt, draft.reference) == ("What is 1+4?", "5")
    assert draft.origin["problem"] == "p1"
    first, second = draft.responses
    assert (first.run_id, first.step, first.split, first.group_index, first.rollout_index) == (run.pk, 3, "train", 1, 0)
    assert (second.rollout_index, first.correct, second.correct, first.reward) == (1, True, False, 1.0)
    assert first.source == f"run {run.pk} (demo), step 3"
    add_items(project, drawn.drafts)
    assert project.items.get(number=1).responses.count() == 2


def test_the_part_of_the_run_is_as_asked(run: Run, project: LabelProject) -> None:
    for step in range(1, 6):
        make_group(run, step=step)
    make_group(run, step=3, split="heldout")
    make_group(run, step=3, index=1, rewards=(1.0,))
    make_group(make_run(), step=3)
    assert sorted(groups_of(draw(project, asked(run, first_step=2, last_step=4)))) == [(2, 0), (3, 0), (4, 0)]
    assert groups_of(draw(project, asked(run, split="heldout"))) == [(3, 0)]
    assert len(draw(project, asked(run, responses=4)).drafts) == 5
    assert draw(project, asked(run, responses=5)).matching == 0


def test_the_seed_decides_and_the_count_only_cuts(run: Run, project: LabelProject) -> None:
    for index in range(20):
        make_group(run, index=index, rewards=[float(each % 2) for each in range(6)])
    drafts = draw(project, asked(run)).drafts
    assert draw(project, asked(run)).drafts == drafts
    assert draw(project, asked(run, count=5)).drafts == drafts[:5]
    other = draw(project, asked(run, seed=1)).drafts
    assert other != drafts
    taken = {tuple(response.rollout_index for response in draft.responses) for draft in drafts}
    assert len(taken) > 3
    assert all(indices == tuple(sorted(indices)) for indices in taken)


def test_what_is_in_the_project_is_not_drawn_again(run: Run, project: LabelProject) -> None:
    for index in range(5):
        make_group(run, index=index)
    add_items(project, draw(project, asked(run, count=3)).drafts)
    drawn = draw(project, asked(run))
    assert (drawn.matching, drawn.already_here, len(drawn.drafts)) == (5, 3, 2)
    add_items(project, drawn.drafts)
    assert project.items.values("responses__group_index").distinct().count() == 5
    assert draw(project_of(0, Mode.RANKING), asked(run)).already_here == 0


def test_equal_and_empty_texts_are_taken_once_and_never(run: Run, project: LabelProject) -> None:
    make_group(run, index=0, texts=("same", "same ", "other", "\n"))
    make_group(run, index=1, texts=("same", "same", "same\n", " same"))
    drawn = draw(project, asked(run))
    [draft] = drawn.drafts
    assert [response.text for response in draft.responses] == ["same", "other"]
    assert drawn.too_alike == 1
    assert draw(project, asked(run, responses=3)).drafts == []


def test_cached_solutions_are_left_out(run: Run, project: LabelProject) -> None:
    group = make_group(run, rewards=(1.0, 0.0, 1.0))
    group.rollouts.filter(index=1).update(cached=True)
    [draft] = draw(project, asked(run)).drafts
    assert [response.rollout_index for response in draft.responses] == [0, 2]


def test_rewards_that_differ_most_come_first_with_the_best_and_the_worst(run: Run, project: LabelProject) -> None:
    make_group(run, index=0, rewards=(0.5, 0.5, 0.5, 0.5))
    make_group(run, index=1, rewards=(0.4, 0.5, 0.5, 0.5))
    make_group(run, index=2, rewards=(0.5, 1.0, 0.4, 0.0))
    for seed in range(5):
        drawn = draw(project, asked(run, Choose.SPREAD, seed=seed))
        assert (drawn.matching, groups_of(drawn)) == (2, [(1, 2), (1, 1)])
        assert [response.reward for response in drawn.drafts[0].responses] == [1.0, 0.0]


def test_disagreement_is_a_wrong_response_that_the_model_likes_better_than_a_right_one(
    run: Run, project: LabelProject
) -> None:
    for index in range(3):
        learned(make_group(run, index=index, rewards=(1.0, 0.0, 1.0, 0.0)), 2.0, 1.5, 1.9, 0.1)
    learned(make_group(run, index=7, rewards=(1.0, 0.0, 1.0, 0.0)), 2.0, 1.5, -3.0, 0.1)
    learned(make_group(run, index=8, rewards=(1.0, 1.0, 1.0, 1.0)), 2.0, 1.5, -3.0, 0.1)
    learned(make_group(run, index=9, rewards=(1.0, 0.0, 1.0, 0.0)), None, 9.0, None, None)
    drawn = draw(project, asked(run, Choose.DISAGREEMENT))
    assert (drawn.matching, groups_of(drawn)) == (1, [(1, 7)])
    assert [response.rollout_index for response in drawn.drafts[0].responses] == [1, 2]
    three = draw(project, asked(run, Choose.DISAGREEMENT, responses=3)).drafts[0]
    assert {1, 2} < {response.rollout_index for response in three.responses}


def test_whether_a_run_has_learned_rewards(run: Run) -> None:
    group = make_group(run)
    assert not has_learned_rewards(run)
    learned(group, None, 0.5, None, None)
    assert has_learned_rewards(run)
    assert [*runs_with_rollouts()] == [run]
    make_run("without rollouts")
    assert runs_with_rollouts().count() == 1


def test_one_response_an_item_for_ratings(run: Run) -> None:
    rubric = [{"key": "clear", "label": "Clear"}]
    project = project_of(0, Mode.RATING, rubric=rubric)
    make_group(run)
    for choose in (Choose.RANDOM, Choose.SPREAD):
        [draft] = draw(project, asked(run, choose, responses=1)).drafts
        assert len(draft.responses) == 1


def test_texts_are_read_for_what_is_drawn_alone(
    run: Run, project: LabelProject, django_assert_max_num_queries: Any
) -> None:
    for index in range(150):
        make_group(run, index=index, rewards=(1.0, 0.0))
    with django_assert_max_num_queries(5):
        assert len(draw(project, asked(run, count=60)).drafts) == 60
