"""How pages of runs say which recipe a run is part of: those pages belong to an app below this one."""

from typing import Any

from django import template

from webapp.recipes.models import StageRun
from webapp.runs.models import Run

register = template.Library()


@register.inclusion_tag("recipes/stage_of.html")
def stage_of_recipe(run: Run) -> dict[str, Any]:
    """The stage that the run carries, with a link to its recipe; nothing for other runs."""
    attempt = StageRun.objects.filter(run=run).select_related("recipe").first()
    if attempt is None:
        return {"attempt": None}
    names = [stage.get("name") for stage in attempt.recipe.config.get("stages", [])]
    place = names.index(attempt.stage) + 1 if attempt.stage in names else None
    return {"attempt": attempt, "recipe": attempt.recipe, "place": place, "stages": len(names)}
