"""The list of recipes: what it can be narrowed down by, and how far each is."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from django.db.models import Q, QuerySet

from webapp.accounts.models import User
from webapp.recipes.models import RecipeRun, StageRun
from webapp.recipes.status import RecipeState
from webapp.runs.status import RunStatus


@dataclass(frozen=True, slots=True)
class Row:
    """A recipe as the list shows it."""

    recipe: RecipeRun
    stages: int
    at: int
    """Number of the stage that it is at, from 1 on; all are done when it has succeeded."""
    at_name: str
    step: int
    """Steps done by the attempts that count."""
    total: int


def filtered(query: Mapping[str, str], user: User) -> QuerySet[RecipeRun]:
    """Recipes that fit ``q``, ``state``, ``group`` and ``mine``; values that mean nothing narrow nothing."""
    rows = RecipeRun.objects.select_related("created_by")
    if text := query.get("q", "").strip()[:200].replace("\x00", ""):
        match = Q(name__icontains=text) | Q(notes__icontains=text) | Q(group__icontains=text)
        rows = rows.filter(match | Q(pk=int(text)) if text.isdecimal() and len(text) < 18 else match)
    if query.get("state") in RecipeState.values:
        rows = rows.filter(state=query["state"])
    if group := query.get("group", "").replace("\x00", ""):
        rows = rows.filter(group=group)
    return rows.filter(created_by=user) if query.get("mine") else rows


def rows_of(recipes: Sequence[RecipeRun]) -> list[Row]:
    """One query for all their stages."""
    current: dict[int, dict[str, tuple[str, int]]] = defaultdict(dict)
    attempts = StageRun.objects.filter(recipe__in=recipes, outdated=False)
    for recipe, stage, status, step in attempts.values_list("recipe", "stage", "run__status", "run__step"):
        current[recipe][stage] = status, step
    return [_row(recipe, current[recipe.pk]) for recipe in recipes]


def _row(recipe: RecipeRun, current: Mapping[str, tuple[str, int]]) -> Row:
    """Reads the stored config loosely: lists show recipes of earlier versions as well."""
    stages: list[dict[str, Any]] = recipe.config.get("stages", [])
    names = [str(stage.get("name", "")) for stage in stages]
    steps = [int(stage.get("run", {}).get("steps", 0)) for stage in stages]
    done = total = 0
    at = len(stages)
    for index in reversed(range(len(stages))):
        status, step = current.get(names[index], ("", 0))
        total += steps[index]
        done += steps[index] if status == RunStatus.SUCCEEDED else min(step, steps[index])
        if status != RunStatus.SUCCEEDED:
            at = index + 1
    return Row(recipe, len(stages), at, names[at - 1] if names else "", done, total)
