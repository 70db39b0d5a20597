"""The life of a recipe: its states, which may follow which, and the only function that changes one."""

from typing import TYPE_CHECKING, Any

from django.db import models

from webapp.core.errors import UserError

if TYPE_CHECKING:
    from webapp.recipes.models import RecipeRun


class RecipeState(models.TextChoices):
    """Shown as icon, word and colour."""

    DRAFT = "draft", "Draft"
    RUNNING = "running", "Running"
    STOPPING = "stopping", "Stopping"
    STOPPED = "stopped", "Stopped"
    FAILED = "failed", "Failed"
    SUCCEEDED = "succeeded", "Succeeded"

    @property
    def is_moving(self) -> bool:
        """Whether a stage is under way, or about to begin."""
        return self in MOVING

    @property
    def icon(self) -> str:
        return ICONS[self]

    @property
    def tone(self) -> str:
        """Name of the colour token."""
        return TONES[self]


S = RecipeState
MOVING = frozenset({S.RUNNING, S.STOPPING})
RESUMABLE = frozenset({S.STOPPED, S.FAILED})
ICONS = {S.DRAFT: "✎", S.RUNNING: "▶", S.STOPPING: "◧", S.STOPPED: "■", S.FAILED: "✕", S.SUCCEEDED: "✓"}
TONES = {
    S.DRAFT: "muted", S.RUNNING: "info", S.STOPPING: "warn", S.STOPPED: "muted", S.FAILED: "bad", S.SUCCEEDED: "good",
}  # fmt: skip
ALLOWED: dict[RecipeState, frozenset[RecipeState]] = {
    S.DRAFT: frozenset({S.RUNNING}),
    S.RUNNING: frozenset({S.STOPPING, S.STOPPED, S.FAILED, S.SUCCEEDED}),
    S.STOPPING: frozenset({S.STOPPED, S.FAILED, S.SUCCEEDED}),
    S.STOPPED: frozenset({S.RUNNING}),
    S.FAILED: frozenset({S.RUNNING, S.STOPPED}),
    S.SUCCEEDED: frozenset({S.STOPPED}),
}
"""A recipe that has succeeded stands still until a stage is edited, and then waits like a stopped one."""


def move(recipe: "RecipeRun", to: RecipeState, **fields: Any) -> bool:
    """Move a recipe whose row is locked, and store ``fields`` with it; says whether it was elsewhere before.

    Raises UserError when its present state does not allow it.
    """
    if recipe.stands == to:
        return False
    if to not in ALLOWED[recipe.stands]:
        raise UserError(f"{recipe.name} is {recipe.stands.label.lower()} and cannot become {to.label.lower()}.")
    recipe.state = to
    for name, value in fields.items():
        setattr(recipe, name, value)
    recipe.save(update_fields=["state", *fields])
    return True
