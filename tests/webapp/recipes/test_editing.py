"""A stage that is edited: what is trained anew, what is not, and what is asked first."""

import pytest

from tests.webapp.recipes.made import end, launched, links, run_of, three_stages, two_stages
from training.config import RunConfig
from training.config.recipe import Recipe, Stage, StageCheckpoint
from webapp.core.errors import UserError
from webapp.recipes import services
from webapp.recipes.editing import edit_stage, replace_config, rerun_by_edit, rerun_stage
from webapp.recipes.models import RecipeRun
from webapp.recipes.status import RecipeState
from webapp.runs.models import Run
from webapp.runs.status import RunStatus

S = RecipeState
pytestmark = pytest.mark.usefixtures("committed")


def longer(recipe_run: RecipeRun, name: str, steps: int = 9) -> Stage:
    """The stage with other steps."""
    stage = recipe_run.recipe.stage(name)
    return stage.model_copy(update={"run": stage.run.model_copy(update={"steps": steps})})


def done(recipe: Recipe) -> RecipeRun:
    made = launched(recipe)
    for stage in recipe.stages:
        end(run_of(made, stage.name))
    made.refresh_from_db()
    assert made.stands == S.SUCCEEDED
    return made


def current(recipe_run: RecipeRun) -> dict[str, int]:
    """Number of the attempt that counts of each stage that has one."""
    return {link.stage.name: link.current.number for link in links(recipe_run) if link.current}


def test_a_failed_stage_is_edited_and_continued_without_redoing_the_others() -> None:
    made = launched()
    end(run_of(made, "first"))
    end(run_of(made, "second"), RunStatus.FAILED, error="too long")
    edit_stage(made, "second", longer(made, "second"), go_on=True)
    assert (made.stands, made.error, current(made)) == (S.RUNNING, "", {"first": 1, "second": 2})
    assert run_of(made, "second").total_steps == 9
    assert Run.objects.count() == 3


def test_a_failed_stage_that_is_edited_waits_when_it_is_not_to_go_on() -> None:
    made = launched()
    end(run_of(made, "first"), RunStatus.FAILED)
    edit_stage(made, "first", longer(made, "first"))
    assert (made.stands, made.failed_stage, current(made)) == (S.STOPPED, "", {})
    services.resume_recipe(made)
    assert current(made) == {"first": 2}


def test_editing_a_done_stage_asks_first_and_then_reruns_it_and_what_depends_on_it() -> None:
    made = done(three_stages())
    assert rerun_by_edit(made, "warm-up") == ["warm-up", "policy"]
    with pytest.raises(UserError, match="warm-up, policy are done"):
        edit_stage(made, "warm-up", longer(made, "warm-up"))
    edit_stage(made, "warm-up", longer(made, "warm-up"), rerun=True, go_on=True)
    assert (made.stands, current(made)) == (S.RUNNING, {"warm-up": 2, "judge": 1})
    end(run_of(made, "warm-up"), steps=9)
    assert current(made) == {"warm-up": 2, "judge": 1, "policy": 2}
    assert run_of(made, "policy").config["model"] == {
        "kind": "checkpoint", "run": run_of(made, "warm-up").pk, "step": 9,
    }  # fmt: skip
    end(run_of(made, "policy"))
    made.refresh_from_db()
    assert made.stands == S.SUCCEEDED


def test_a_done_stage_is_trained_anew_as_it_is_with_what_depends_on_it() -> None:
    made = done(three_stages())
    rerun_stage(made, "judge")
    assert (made.stands, current(made)) == (S.RUNNING, {"warm-up": 1, "judge": 2})
    with pytest.raises(UserError, match="Stop the recipe first"):
        rerun_stage(made, "warm-up")
    end(run_of(made, "judge"))
    assert current(made) == {"warm-up": 1, "judge": 2, "policy": 2}
    for name in ("nothing", "second"):
        with pytest.raises(UserError, match=f"has no stage {name} that has begun"):
            rerun_stage(launched(), name)


def test_a_stage_that_has_not_begun_is_edited_while_another_trains() -> None:
    made = launched()
    edit_stage(made, "second", longer(made, "second"))
    end(run_of(made, "first"))
    assert run_of(made, "second").total_steps == 9


def test_a_stage_under_way_a_renamed_and_an_unknown_one_are_refused() -> None:
    made = launched()
    with pytest.raises(UserError, match="Stop the recipe first"):
        edit_stage(made, "first", longer(made, "first"))
    with pytest.raises(UserError, match="keeps its name"):
        edit_stage(made, "second", made.recipe.stage("second").model_copy(update={"name": "other"}))
    with pytest.raises(UserError, match="no stage third"):
        edit_stage(made, "third", longer(made, "second"))


def test_a_stage_that_does_not_fit_the_others_or_this_installation_is_refused() -> None:
    made = launched()
    end(run_of(made, "first"), RunStatus.FAILED)
    wrong = Stage(name="first", run=RunConfig(steps=4), model_from=StageCheckpoint(stage="second"))
    with pytest.raises(UserError, match="does not come before it"):
        edit_stage(made, "first", wrong)
    elsewhere = Stage.model_validate({"name": "first", "run": {"problems": {"kind": "imported", "slug": "nowhere"}}})
    with pytest.raises(UserError, match=r"Stage first: .*nowhere"):
        edit_stage(made, "first", elsewhere)
    assert made.recipe == two_stages()


def test_a_draft_takes_another_config_and_one_that_has_begun_does_not() -> None:
    made = services.create_recipe(two_stages())
    replace_config(made, three_stages())
    assert (made.name, made.recipe) == ("Small RLHF", three_stages())
    edit_stage(made, "judge", longer(made, "judge"))
    assert (made.stands, made.recipe.stage("judge").run.steps) == (S.DRAFT, 9)
    services.launch_recipe(made)
    with pytest.raises(UserError, match="has begun"):
        replace_config(made, two_stages())
