"""The life of a recipe: each transition, those that are refused, and what happens to its runs meanwhile."""

import pytest

from tests.webapp.recipes.made import end, launched, links, run_of, three_stages, two_stages
from training.config.recipe import Recipe, Stage
from webapp.core.errors import UserError
from webapp.recipes import services
from webapp.recipes.advance import advance, advance_all
from webapp.recipes.models import RecipeRun, StageRun
from webapp.recipes.status import ALLOWED, RecipeState, move
from webapp.runs.checkpoints import pin_checkpoint, prune_checkpoint
from webapp.runs.models import Checkpoint, Run
from webapp.runs.services import delete_run, resume_run, stop_run
from webapp.runs.status import RunStatus, transition

S = RecipeState
pytestmark = pytest.mark.usefixtures("committed")


def stands(recipe_run: RecipeRun) -> RecipeState:
    recipe_run.refresh_from_db()
    return recipe_run.stands


def begun(recipe_run: RecipeRun) -> list[str]:
    return list(StageRun.objects.filter(recipe=recipe_run).values_list("stage", flat=True))


@pytest.mark.parametrize("before", S)
@pytest.mark.parametrize("after", S)
def test_only_declared_transitions_are_made(before: RecipeState, after: RecipeState) -> None:
    made = services.create_recipe(two_stages())
    RecipeRun.objects.filter(pk=made.pk).update(state=before)
    made.refresh_from_db()
    if before == after:
        assert not move(made, after)
    elif after in ALLOWED[before]:
        assert move(made, after)
        assert stands(made) == after
    else:
        with pytest.raises(UserError, match=f"is {before.label.lower()} and cannot become {after.label.lower()}"):
            move(made, after)
        assert stands(made) == before


def test_stages_begin_one_after_the_other_and_from_the_checkpoints_meant() -> None:
    made = launched(three_stages())
    assert (stands(made), begun(made)) == (S.RUNNING, ["warm-up"])
    warm_up = end(run_of(made, "warm-up"))
    judge = end(run_of(made, "judge"))
    policy = run_of(made, "policy")
    assert policy.config["model"] == {"kind": "checkpoint", "run": warm_up.pk, "step": 4}
    assert policy.config["method"]["reward"]["learned"]["model"] == {"kind": "checkpoint", "run": judge.pk, "step": 3}
    assert links(made)[2].attempts[0].sources == [
        ["warm-up", warm_up.pk, 4, "model"], ["judge", judge.pk, 3, "reward model"],
    ]  # fmt: skip
    end(policy)
    assert stands(made) == S.SUCCEEDED
    assert begun(made) == ["warm-up", "judge", "policy"]
    assert made.ended_at is not None


def test_what_a_later_stage_begins_from_is_pinned_and_cannot_be_removed_before_it_is_done() -> None:
    made = launched(three_stages())
    warm_up = end(run_of(made, "warm-up"))
    needed, other = warm_up.checkpoints.get(step=4), warm_up.checkpoints.get(step=3)
    assert (needed.pinned, other.pinned) == (True, False)
    prune_checkpoint(other)
    pin_checkpoint(needed, pinned=False)
    needed.refresh_from_db()
    with pytest.raises(UserError, match="The stage policy of the recipe Small RLHF begins from this checkpoint"):
        prune_checkpoint(needed)
    end(run_of(made, "judge"))
    assert warm_up.checkpoints.get(step=4).pinned
    end(run_of(made, "policy"))
    pin_checkpoint(needed, pinned=False)
    needed.refresh_from_db()
    prune_checkpoint(needed)


def test_launching_twice_and_looking_again_begin_nothing_twice() -> None:
    made = launched()
    services.launch_recipe(made)
    advance(made.pk)
    advance_all()
    assert begun(made) == ["first"]


def test_a_recipe_that_was_launched_from_the_same_form_is_the_same() -> None:
    made = launched()
    assert services.create_recipe(three_stages(), start_id=made.start_id) == made


def test_a_failed_stage_fails_the_recipe_in_its_runs_words_and_is_resumed() -> None:
    made = launched()
    run = end(run_of(made, "first"), RunStatus.FAILED, error="RuntimeError: no more memory")
    assert (stands(made), made.failed_stage, made.error) == (S.FAILED, "first", "RuntimeError: no more memory")
    services.resume_recipe(made)
    assert (stands(made), made.error, begun(made)) == (S.RUNNING, "", ["first"])
    run.refresh_from_db()
    assert run.state == RunStatus.QUEUED
    end(run)
    assert begun(made) == ["first", "second"]


def test_a_failed_stage_tried_anew_gets_another_run_and_the_earlier_one_stays() -> None:
    made = launched()
    end(run_of(made, "first"))
    failed = end(run_of(made, "second"), RunStatus.FAILED)
    services.resume_recipe(made, anew=True)
    second = links(made)[1]
    assert [(attempt.number, attempt.outdated) for attempt in second.attempts] == [(1, True), (2, False)]
    assert second.attempts[0].run == failed != second.run
    assert begun(made).count("first") == 1
    end(run_of(made, "second"))
    assert stands(made) == S.SUCCEEDED


def test_an_attempt_that_counts_no_more_may_be_deleted_and_its_number_is_not_given_again() -> None:
    made = launched()
    for _ in range(2):
        end(run_of(made, "first"), RunStatus.FAILED)
        services.resume_recipe(made, anew=True)
    delete_run(links(made)[0].attempts[0].run)
    end(run_of(made, "first"), RunStatus.FAILED)
    services.resume_recipe(made, anew=True)
    assert [(attempt.number, attempt.outdated) for attempt in links(made)[0].attempts] == [
        (2, True), (3, True), (4, False),
    ]  # fmt: skip


def test_a_recipe_whose_config_cannot_be_read_any_more_fails_and_keeps_no_other_from_going_on() -> None:
    first, second = launched(), launched()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("webapp.runs.signals.run_moved.send_robust", lambda *_, **__: [])
        for each in (first, second):
            end(run_of(each, "first"))
    RecipeRun.objects.filter(pk=first.pk).update(config={"name": "of another version", "stages": []})
    advance_all()
    assert (stands(first), "not valid for this version" in first.error) == (S.FAILED, True)
    assert begun(second) == ["first", "second"]


def test_a_run_that_was_lost_for_good_fails_its_recipe() -> None:
    made = launched()
    end(run_of(made, "first"), RunStatus.LOST)
    assert (stands(made), made.error) == (S.FAILED, "Its run is lost.")


def test_stopping_reaches_the_stage_under_way_and_begins_no_other() -> None:
    made = launched()
    run = run_of(made, "first")
    transition(run.pk, RunStatus.STARTING)
    services.stop_recipe(made)
    run.refresh_from_db()
    assert (stands(made), run.state, run.stop_requested) == (S.STOPPING, RunStatus.STOPPING, "save")
    services.stop_recipe(made)  # once more is no error
    transition(run.pk, RunStatus.STOPPED)
    assert (stands(made), begun(made)) == (S.STOPPED, ["first"])
    with pytest.raises(UserError, match="there is nothing to stop"):
        services.stop_recipe(made)
    services.resume_recipe(made)
    assert stands(made) == S.RUNNING
    end(run)
    assert begun(made) == ["first", "second"]


def test_a_stage_that_waits_is_stopped_at_once() -> None:
    made = launched()
    services.stop_recipe(made)
    assert (stands(made), run_of(made, "first").state) == (S.STOPPED, RunStatus.STOPPED)


def test_a_stage_that_is_done_in_the_moment_of_the_stop_does_not_begin_the_next() -> None:
    made = launched()
    run = run_of(made, "first")
    transition(run.pk, RunStatus.STARTING)
    services.stop_recipe(made)
    Run.objects.filter(pk=run.pk).update(status=RunStatus.STARTING)
    end_without_claim(run)
    assert (stands(made), begun(made)) == (S.STOPPED, ["first"])
    services.resume_recipe(made)
    assert begun(made) == ["first", "second"]


def end_without_claim(run: Run) -> None:
    Run.objects.filter(pk=run.pk).update(status=RunStatus.QUEUED)
    end(run)


def test_a_run_that_is_stopped_and_resumed_on_its_own_page_takes_its_recipe_along() -> None:
    made = launched()
    run = run_of(made, "first")
    stop_run(run)
    assert stands(made) == S.STOPPED
    resume_run(run)
    assert stands(made) == S.RUNNING


def test_what_was_missed_is_made_up_for() -> None:
    """A process killed between the end of a run and the next stage."""
    made = launched()
    run = run_of(made, "first")
    Run.objects.filter(pk=run.pk).update(status=RunStatus.STOPPED)
    advance_all()
    assert stands(made) == S.STOPPED
    Run.objects.filter(pk=run.pk).update(status=RunStatus.QUEUED)
    advance_all()
    assert stands(made) == S.RUNNING
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("webapp.runs.signals.run_moved.send_robust", lambda *_, **__: [])
        end(run)
    assert begun(made) == ["first"]
    advance_all()
    assert begun(made) == ["first", "second"]


def test_a_stage_whose_source_is_gone_fails_the_recipe_and_says_so() -> None:
    made = launched()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("webapp.runs.signals.run_moved.send_robust", lambda *_, **__: [])
        run = end(run_of(made, "first"))
    Checkpoint.objects.filter(run=run).update(removed_at=run.ended_at)
    advance_all()
    assert (stands(made), made.failed_stage) == (S.FAILED, "second")
    assert "The last checkpoint of the stage first" in made.error
    assert begun(made) == ["first"]


def test_a_recipe_that_cannot_be_trained_here_stays_a_draft() -> None:
    missing = Stage.model_validate({"name": "one", "run": {"problems": {"kind": "imported", "slug": "nowhere"}}})
    made = services.create_recipe(Recipe(name="nothing to ask", stages=(missing,)))
    with pytest.raises(UserError, match=r"Stage one: .*nowhere"):
        services.launch_recipe(made)
    assert (stands(made), begun(made)) == (S.DRAFT, [])


def test_a_draft_can_neither_be_stopped_nor_resumed() -> None:
    made = services.create_recipe(two_stages())
    with pytest.raises(UserError, match="nothing to stop"):
        services.stop_recipe(made)
    with pytest.raises(UserError, match="only one that stands still early"):
        services.resume_recipe(made)


def test_a_seed_replaces_that_of_every_stage() -> None:
    made = services.create_recipe(two_stages(), seed=7)
    assert [stage.run.seed for stage in made.recipe.stages] == [7, 7]
    copy = services.clone_recipe(made, seed=8)
    assert (copy.stands, copy.cloned_from, copy.recipe.stages[1].run.seed) == (S.DRAFT, made, 8)


def test_a_recipe_is_deleted_with_its_runs_or_without_and_not_while_it_goes() -> None:
    made, other = launched(), launched()
    with pytest.raises(UserError, match="Stop it first"):
        services.delete_recipe(made)
    for each in (made, other):
        end(run_of(each, "first"))
        end(run_of(each, "second"))
    kept = run_of(other, "first")
    with pytest.raises(UserError, match="is the stage first of the recipe Twice"):
        delete_run(kept)
    services.delete_recipe(made, with_runs=True)
    services.delete_recipe(other)
    assert list(Run.objects.order_by("pk")[:1]) == [kept]
    delete_run(kept)
