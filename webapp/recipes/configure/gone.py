"""A stage that was renamed or removed while its form was open: what was entered stays, and can still be saved."""

from dataclasses import dataclass

from training.config.recipe import MOST_STAGES, Recipe, Stage
from webapp.core.errors import UserError
from webapp.recipes.configure.seen import mark_of

GONE = "gone"
"""What the page of a stage that is not there sends as ``seen``: whoever saves it has been told."""
RENAMED = (
    "{old} was renamed to {new} elsewhere since you opened this page. What you entered is kept; saving once more saves "
    "it as {new}."
)
REMOVED = "{old} is no longer in this recipe: it was removed, or renamed and changed. What you entered is kept"
AS_LAST = "; saving once more adds it as the last stage."
BEGUN = ", but the recipe has begun, and no stage can be added. Enter it in another stage, or clone the recipe."


@dataclass(frozen=True, slots=True)
class Opened:
    """The stage that a form is about, wherever it is now."""

    recipe: Recipe
    """With a stage in its place where it is gone."""
    name: str
    is_gone: bool = False
    message: str = ""
    """What its user has to be told before it is saved."""


def opened(recipe: Recipe, name: str, seen: str, is_draft: bool) -> Opened:
    """The stage of this name; else the one that its page showed, by ``seen``, the mark of it.

    Raises UserError (404) when there is none of this name and nobody has seen it.
    """
    if any(stage.name == name for stage in recipe.stages):
        return Opened(recipe, name)
    if not seen:
        raise UserError(f"{recipe.name} has no stage {name}.", status=404)
    now = next((stage for stage in recipe.stages if mark_of(stage.model_copy(update={"name": name})) == seen), None)
    if now is not None:
        return Opened(recipe, now.name, message=RENAMED.format(old=name, new=now.name))
    ending = AS_LAST if is_draft else BEGUN
    told = seen == GONE and is_draft
    shown = with_gone(Recipe(name=recipe.name, stages=recipe.stages[: MOST_STAGES - 1]), name)
    return Opened(shown, name, is_gone=True, message="" if told else REMOVED.format(old=name) + ending)


def with_gone(recipe: Recipe, name: str) -> Recipe:
    """The recipe with a stage at its end to be replaced by what was entered. Raises UserError when it has too many."""
    if len(recipe.stages) >= MOST_STAGES:
        raise UserError(f"A recipe has at most {MOST_STAGES} stages.")
    return Recipe(name=recipe.name, stages=(*recipe.stages, Stage(name=name)))
