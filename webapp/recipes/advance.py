"""Brings a recipe to where its runs are: begins the next stage, or notes that it has ended, failed or stands still.

Called whenever a run ends or is queued again, and from time to time. It looks at the rows alone, under a lock on the
recipe's: whoever calls it, however often and from however many processes, a stage begins once.
"""

import logging
import uuid
from collections.abc import Sequence

from django.db import InterfaceError, OperationalError, transaction
from django.utils import timezone
from pydantic import ValidationError

from training.config.recipe import Recipe
from webapp.core.errors import UserError
from webapp.recipes.chain import Link, links_of, needed_of, resolved, saved_by
from webapp.recipes.models import RecipeRun, StageRun
from webapp.recipes.status import MOVING, RecipeState, move
from webapp.runs.checkpoints import pin_checkpoint
from webapp.runs.models import Run
from webapp.runs.services import create_run, launch_run
from webapp.runs.status import TERMINAL, RunStatus

logger = logging.getLogger(__name__)

RUN_IDS = uuid.UUID("6c0c2f83-52a4-4a5f-9a39-1f0f7a4b6d52")
"""Namespace of the start ids of recipes' runs."""
MOST_ERROR = 4000
"""Characters of a run's last words that are kept."""


def locked(recipe_id: int) -> RecipeRun:
    """The recipe's row, for this transaction alone. Raises DoesNotExist when it is deleted."""
    return RecipeRun.objects.select_for_update().get(pk=recipe_id)


@transaction.atomic
def advance(recipe_id: int) -> None:
    """One recipe, as far as it can go now; nothing for a draft and for one that is gone."""
    try:
        step_on(locked(recipe_id))
    except RecipeRun.DoesNotExist:
        return


def advance_all() -> None:
    """Every recipe that is under way, and every other one with a run that is: whatever was missed is made up for."""
    unfinished = RecipeRun.objects.filter(state__in=MOVING).values_list("pk", flat=True)
    resumed = StageRun.objects.filter(outdated=False).exclude(run__status__in=TERMINAL).values_list("recipe", flat=True)
    for recipe_id in sorted({*unfinished, *resumed}):
        try:
            advance(recipe_id)
        except (OperationalError, InterfaceError):
            raise
        except UserError as error:  # the stage has begun, and waits for the broker
            logger.info("recipe %s: %s", recipe_id, error.message)
        except Exception:
            logger.exception("recipe %s does not advance; the others do", recipe_id)


def step_on(recipe_run: RecipeRun) -> None:
    """The same for a recipe whose row this transaction has locked."""
    if recipe_run.stands == RecipeState.DRAFT:
        return
    try:
        recipe = recipe_run.recipe
    except ValidationError as error:
        _fail(recipe_run, "", f"Its config is not valid for this version of Espalier: {error.errors()[0]['msg']}")
        return
    links = links_of(recipe_run, recipe)
    for link in links:
        if link.is_done:
            _keep_what_is_needed(recipe, link)
    pending = next((link for link in links if not link.is_done), None)
    if pending is None:
        _conclude(recipe_run)
    elif pending.run is None:
        _go_on(recipe_run, pending, links)
    else:
        _follow(recipe_run, pending.stage.name, pending.run)


def _conclude(recipe_run: RecipeRun) -> None:
    """Every stage is done."""
    if recipe_run.stands == RecipeState.SUCCEEDED:
        return
    _note_moving(recipe_run)
    move(recipe_run, RecipeState.SUCCEEDED, ended_at=timezone.now())


def _go_on(recipe_run: RecipeRun, link: Link, links: Sequence[Link]) -> None:
    """The next stage has no run."""
    if recipe_run.stands == RecipeState.STOPPING:
        move(recipe_run, RecipeState.STOPPED, ended_at=timezone.now())
    elif recipe_run.stands == RecipeState.RUNNING:
        try:
            with transaction.atomic():
                _begin(recipe_run, link, links)
        except (UserError, ValidationError) as error:
            _fail(recipe_run, link.stage.name, f"It could not begin: {_words(error)}")


def _begin(recipe_run: RecipeRun, link: Link, links: Sequence[Link]) -> None:
    """A new attempt at a stage: its run, queued."""
    config, sources = resolved(link, links)
    number = link.attempts[-1].number + 1 if link.attempts else 1
    name = link.stage.name
    run = create_run(
        config,
        name=f"{recipe_run.name[: 118 - len(name)]}: {name}",
        user=recipe_run.created_by,
        group=f"{recipe_run.group} {name}"[:80] if recipe_run.group else "",
        start_id=uuid.uuid5(RUN_IDS, f"{recipe_run.pk} {name} {number}"),
    )
    StageRun.objects.create(recipe=recipe_run, stage=name, number=number, run=run, sources=sources)
    launch_run(run)


def _follow(recipe_run: RecipeRun, stage: str, run: Run) -> None:
    """The first stage that is not done has a run: the recipe is what that is."""
    if not run.state.is_terminal:
        _note_moving(recipe_run)
    elif run.state == RunStatus.STOPPED:
        if recipe_run.stands.is_moving:
            move(recipe_run, RecipeState.STOPPED, ended_at=timezone.now())
    elif recipe_run.stands.is_moving:
        _fail(recipe_run, stage, run.error or f"Its run is {run.state.label.lower()}.")


def _note_moving(recipe_run: RecipeRun) -> None:
    """A run was resumed on its own page: the recipe goes on with it."""
    if not recipe_run.stands.is_moving:
        move(recipe_run, RecipeState.RUNNING, ended_at=None, error="", failed_stage="")


def _fail(recipe_run: RecipeRun, stage: str, words: str) -> None:
    if recipe_run.stands.is_moving:
        move(recipe_run, RecipeState.FAILED, ended_at=timezone.now(), failed_stage=stage, error=words[-MOST_ERROR:])


def _keep_what_is_needed(recipe: Recipe, link: Link) -> None:
    """Pin the checkpoints that later stages begin from, so that no rule and no hand removes them meanwhile."""
    for source in needed_of(recipe, link.stage.name):
        try:
            checkpoint = saved_by(link, source)
            if not checkpoint.pinned:
                pin_checkpoint(checkpoint, pinned=True)
        except UserError:
            continue  # gone already: said when the stage that needs it begins


def _words(error: UserError | ValidationError) -> str:
    if isinstance(error, UserError):
        return error.message
    first = error.errors()[0]
    return f"{'.'.join(map(str, first['loc']))}: {first['msg']}".lstrip(": ")
