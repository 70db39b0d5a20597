"""Editing the stages of a recipe: what that makes outdated, and what then is trained anew."""

from collections.abc import Sequence

from django.db import transaction
from pydantic import ValidationError

from training.config.recipe import Recipe, Stage
from webapp.core.errors import UserError
from webapp.recipes.advance import locked
from webapp.recipes.chain import Link, dependents_of, links_of
from webapp.recipes.checks import faults_of_stage
from webapp.recipes.models import RecipeRun
from webapp.recipes.services import outdate, read_recipe, resume_recipe
from webapp.recipes.status import RecipeState, move
from webapp.runs.config_forms import explain


@transaction.atomic
def replace_config(recipe_run: RecipeRun, recipe: Recipe) -> None:
    """Give a draft another config. Raises UserError once it has begun: then stages are edited one by one."""
    held = locked(recipe_run.pk)
    if held.stands != RecipeState.DRAFT:
        raise UserError(f"{held.name} has begun. Edit its stages one by one, or clone it.")
    held.config = recipe.model_dump(mode="json")
    held.name = recipe.name
    held.save(update_fields=["config", "name"])
    recipe_run.refresh_from_db()


def rerun_by_edit(recipe_run: RecipeRun, name: str) -> list[str]:
    """Names of the stages that are done, or begun, and that an edit of this stage makes outdated, in their order."""
    recipe = read_recipe(recipe_run)
    touched = dependents_of(recipe.stages, name)
    return [link.stage.name for link in links_of(recipe_run, recipe) if link.current and link.stage.name in touched]


def kept_because(recipe_run: RecipeRun, name: str) -> str:
    """Why a stage cannot be edited now; empty when it can."""
    try:
        begun = [link for link in links_of(recipe_run, read_recipe(recipe_run)) if link.stage.name == name]
        _may_be_edited(recipe_run, [link for link in begun if link.current], renames=False, rerun=True)
    except UserError as error:
        return error.message
    return ""


@transaction.atomic
def edit_stage(
    recipe_run: RecipeRun, name: str, stage: Stage, *, rerun: bool = False, go_on: bool = False
) -> RecipeRun:
    """Give a stage another config; attempts at it and at what depends on it become outdated, none other.

    ``rerun`` agrees that stages which are done are trained anew (`rerun_by_edit` names them); ``go_on`` begins at
    once. A stage that has not begun can be edited while others train. Raises UserError when the stage is unknown or
    renamed or cannot be trained here, when done stages would be outdated without ``rerun``, or while the recipe is
    under way and the stage has begun.
    """
    held = locked(recipe_run.pk)
    recipe = read_recipe(held)
    if name not in {each.name for each in recipe.stages}:
        raise UserError(f"{held.name} has no stage {name}.", status=404)
    edited = _with_stage(recipe, name, stage)
    touched = [link for link in links_of(held, recipe) if link.stage.name in dependents_of(edited.stages, name)]
    begun = [link for link in touched if link.current]
    _may_be_edited(held, begun, stage.name != name, rerun)
    for fault in faults_of_stage(edited, stage):
        raise UserError(f"Stage {stage.name}: {fault.message}")
    held.config = edited.model_dump(mode="json")
    held.save(update_fields=["config"])
    outdate(begun)
    if held.stands == RecipeState.FAILED or (begun and held.stands == RecipeState.SUCCEEDED):
        move(held, RecipeState.STOPPED, error="", failed_stage="")
    if go_on and held.stands == RecipeState.STOPPED:
        resume_recipe(held)
    recipe_run.refresh_from_db()
    return recipe_run


@transaction.atomic
def rerun_stage(recipe_run: RecipeRun, name: str) -> RecipeRun:
    """Train a stage that has begun, and what depends on it, anew as they are, at once.

    Raises UserError when the stage is unknown or has not begun, and while the recipe is under way.
    """
    recipe = read_recipe(locked(recipe_run.pk))
    stage = next((each for each in recipe.stages if each.name == name), None)
    if stage is None or name not in rerun_by_edit(recipe_run, name):
        raise UserError(f"{recipe_run.name} has no stage {name} that has begun.", status=404)
    return edit_stage(recipe_run, name, stage, rerun=True, go_on=True)


def _may_be_edited(held: RecipeRun, begun: Sequence[Link], renames: bool, rerun: bool) -> None:
    """Raises UserError when it may not."""
    if renames and held.stands != RecipeState.DRAFT:
        raise UserError("A stage keeps its name once the recipe has begun: its attempts go by it.")
    if begun and held.stands.is_moving:
        raise UserError(f"{begun[0].stage.name} has begun, and {held.name} is under way. Stop the recipe first.")
    done = [link.stage.name for link in begun if link.is_done]
    if done and not rerun:
        raise UserError(
            f"{', '.join(done)} {'is' if len(done) == 1 else 'are'} done, to be trained anew. Agree first.",
            status=409,
        )


def _with_stage(recipe: Recipe, name: str, stage: Stage) -> Recipe:
    stages = [stage if each.name == name else each for each in recipe.stages]
    try:
        return Recipe(name=recipe.name, stages=tuple(stages))
    except ValidationError as error:
        raise UserError(f"The stage does not fit: {explain(error.errors()[0])}") from error
