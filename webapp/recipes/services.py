"""What changes recipes: make, launch, stop, resume, clone, delete. Views and commands call these, and `editing`."""

import uuid
from collections.abc import Sequence

from django.db import transaction
from django.utils import timezone
from pydantic import ValidationError

from training.config.recipe import Recipe
from webapp.accounts.models import User
from webapp.core.errors import UserError
from webapp.recipes.advance import locked, step_on
from webapp.recipes.chain import Link, links_of
from webapp.recipes.checks import faults_of_recipe
from webapp.recipes.models import RecipeRun, StageRun
from webapp.recipes.status import RESUMABLE, RecipeState, move
from webapp.runs.config_forms import explain
from webapp.runs.models import Run, StopRequest
from webapp.runs.services import delete_run, resume_run, stop_run
from webapp.runs.status import RESUMABLE as RESUMABLE_RUNS


def with_seed(recipe: Recipe, seed: int) -> Recipe:
    """The recipe with the seed of every stage replaced. Raises pydantic's ValidationError for one out of range."""
    values = recipe.model_dump()
    for stage in values["stages"]:
        stage["run"]["seed"] = seed
    return Recipe.model_validate(values)


def create_recipe(
    recipe: Recipe,
    *,
    user: User | None = None,
    start_id: uuid.UUID | None = None,
    name: str = "",
    group: str = "",
    notes: str = "",
    seed: int | None = None,
    cloned_from: RecipeRun | None = None,
) -> RecipeRun:
    """A draft. The same ``start_id`` always means the same one. ``seed`` replaces that of every stage."""
    chosen = recipe if seed is None else with_seed(recipe, seed)
    made, _ = RecipeRun.objects.get_or_create(
        start_id=start_id or uuid.uuid4(),
        defaults={
            "name": (name.strip() or recipe.name)[:120],
            "config": chosen.model_dump(mode="json"),
            "group": group.strip()[:80],
            "notes": notes,
            "cloned_from": cloned_from,
            "created_by": user,
        },
    )
    return made


@transaction.atomic
def launch_recipe(recipe_run: RecipeRun) -> None:
    """Begin a draft's first stage, once: a second call changes nothing.

    Raises UserError when a stage cannot be trained here. When the broker is away the error comes after the commit,
    and the first stage waits.
    """
    held = locked(recipe_run.pk)
    if held.stands == RecipeState.DRAFT:
        must_fit(held.recipe)
        move(held, RecipeState.RUNNING, started_at=timezone.now())
        step_on(held)
    recipe_run.refresh_from_db()


def must_fit(recipe: Recipe) -> None:
    """Raises UserError with the first thing that keeps a stage from being trained on this installation."""
    for stage, fault in faults_of_recipe(recipe):
        raise UserError(f"Stage {stage}: {fault.message}")


@transaction.atomic
def stop_recipe(recipe_run: RecipeRun, how: StopRequest = StopRequest.SAVE) -> None:
    """Ask the stage under way to stop; none after it begins. SAVE lets it finish its step, NOW kills it.

    Raises UserError when nothing is under way.
    """
    held = locked(recipe_run.pk)
    if not held.stands.is_moving:
        raise UserError(f"{held.name} is {held.stands.label.lower()}; there is nothing to stop.")
    move(held, RecipeState.STOPPING)
    for link in links_of(held, held.recipe):
        if link.run is not None and not link.run.state.is_terminal:
            try:
                stop_run(link.run, how)
            except UserError:
                pass  # it has ended in this moment
    step_on(held)
    recipe_run.refresh_from_db()


@transaction.atomic
def resume_recipe(recipe_run: RecipeRun, *, anew: bool = False) -> None:
    """Go on with a recipe that was stopped or has failed: its stage from the last checkpoint, or ``anew``.

    A stage that begins anew gets another run; the earlier one stays. Nothing for a recipe that goes on already.
    Raises UserError when it is a draft, done, or still stopping.
    """
    held = locked(recipe_run.pk)
    if held.stands == RecipeState.RUNNING:
        return
    if held.stands not in RESUMABLE:
        raise UserError(f"{held.name} is {held.stands.label.lower()}; only one that stands still early can go on.")
    recipe = read_recipe(held)
    pending = next((link for link in links_of(held, recipe) if not link.is_done), None)
    move(held, RecipeState.RUNNING, ended_at=None, error="", failed_stage="")
    if pending and pending.current and pending.run and pending.run.state.is_terminal:
        if anew or pending.run.state not in RESUMABLE_RUNS:
            outdate([pending])
        else:
            resume_run(pending.run)
    step_on(held)
    recipe_run.refresh_from_db()


def clone_recipe(
    recipe_run: RecipeRun, user: User | None = None, *, seed: int | None = None, start_id: uuid.UUID | None = None
) -> RecipeRun:
    """A draft with the same stages."""
    return create_recipe(
        read_recipe(recipe_run), user=user, start_id=start_id, name=f"{recipe_run.name[:112]} (clone)",
        group=recipe_run.group, notes=recipe_run.notes, seed=seed, cloned_from=recipe_run,
    )  # fmt: skip


@transaction.atomic
def delete_recipe(recipe_run: RecipeRun, *, with_runs: bool = False) -> None:
    """Remove a recipe; its runs, with all they made, only ``with_runs``.

    Raises UserError while it is under way, or while another run needs a checkpoint of one of its runs.
    """
    held = locked(recipe_run.pk)
    runs = list(Run.objects.filter(stage_run__recipe=held).order_by("-pk"))
    if held.stands.is_moving or any(not run.state.is_terminal for run in runs):
        raise UserError(f"{held.name} is {held.stands.label.lower()}. Stop it first.")
    held.delete()
    if with_runs:
        for run in runs:
            delete_run(run)


def outdate(links: Sequence[Link]) -> None:
    """Let the attempts at these stages count no more."""
    current = [link.current.pk for link in links if link.current]
    StageRun.objects.filter(pk__in=current).update(outdated=True)


def read_recipe(recipe_run: RecipeRun) -> Recipe:
    """The stored config. Raises UserError when this version cannot read it any more."""
    try:
        return recipe_run.recipe
    except ValidationError as error:
        raise UserError(
            f"The config of {recipe_run.name} is not valid for this version of Espalier: {explain(error.errors()[0])}"
        ) from error
