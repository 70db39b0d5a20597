"""Recipes that differ in their seed alone: which they are, more of them; stopping and resuming many."""

import json
import uuid
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from django.db import transaction
from django.db.models import Q
from pydantic import ValidationError

from training.config.recipe import Recipe
from webapp.accounts.models import User
from webapp.core.errors import UserError
from webapp.recipes.models import RecipeRun
from webapp.recipes.services import create_recipe, launch_recipe, read_recipe, resume_recipe, stop_recipe
from webapp.recipes.status import RESUMABLE, RecipeState
from webapp.reports.selection import SEED_WORDS
from webapp.runs.models import StopRequest

MOST_SEEDS = 16
"""Of one family: each is a chain of runs."""
LOOKED_AT = 200
START_IDS = uuid.UUID("a1d0c1de-2f5c-4a7e-9f0a-6f4f3c2b8e17")
"""Namespace of the start ids of a family's members."""


@dataclass(frozen=True, slots=True)
class Member:
    """One recipe of a family."""

    recipe_run: RecipeRun
    recipe: Recipe
    seed: int | None
    """Of all its stages; None where they have different ones."""

    @property
    def label(self) -> str:
        return f"seed {self.seed}" if self.seed is not None else "seeds of its own"


def family_of(recipe_run: RecipeRun) -> list[Member]:
    """The recipe and those of its group, its copies and what it is a copy of, that train the same but for the seed.

    In the order of their seeds; of two with the same seed the later one that has begun, but always the recipe itself.
    """
    shape, origin = shape_of(recipe_run.config), recipe_run.cloned_from_id
    near = Q(pk=recipe_run.pk) | Q(cloned_from=recipe_run.pk)
    if origin:
        near |= Q(pk=origin) | Q(cloned_from=origin)
    if recipe_run.group:
        near |= Q(group=recipe_run.group)
    found: dict[int | None, Member] = {}
    rows = RecipeRun.objects.filter(near).exclude(pk=recipe_run.pk).order_by("-pk")[:LOOKED_AT]
    for row in [recipe_run, *sorted(rows, key=lambda row: row.stands == RecipeState.DRAFT)]:
        if shape_of(row.config) != shape:
            continue
        with suppress(ValidationError):
            recipe = row.recipe
            seed = seed_of(recipe)
            found.setdefault(seed, Member(row, recipe, seed))
    return by_seed(found.values())


def by_seed(members: Iterable[Member]) -> list[Member]:
    """In the order of their seeds; those whose stages have different ones last."""
    return sorted(members, key=lambda member: (member.seed is None, member.seed or 0))


def seed_of(recipe: Recipe) -> int | None:
    """The seed that all stages have in common."""
    seeds = {stage.run.seed for stage in recipe.stages}
    return seeds.pop() if len(seeds) == 1 else None


@transaction.atomic
def repeat_with_seeds(recipe_run: RecipeRun, seeds: Sequence[int], user: User | None) -> list[RecipeRun]:
    """The recipe from its first stage with each of the seeds, all launched or none; a draft with one of them too.

    Seeds that have a recipe already are left out. Raises UserError when none is left, the family gets too large, or a
    stage cannot be trained here; and after the commit when the broker is away: then the first stages wait.
    """
    held = RecipeRun.objects.select_for_update().get(pk=recipe_run.pk)
    recipe, family = read_recipe(held), family_of(held)
    drafts = [m.recipe_run for m in family if m.seed in seeds and m.recipe_run.stands == RecipeState.DRAFT]
    new = [seed for seed in seeds if seed not in {member.seed for member in family}]
    if not new and not drafts:
        raise UserError("All of these seeds have a recipe already.")
    if len(family) + len(new) > MOST_SEEDS:
        raise UserError(f"These would be {len(family) + len(new)} recipes; {MOST_SEEDS} seeds of one are the most.")
    base = SEED_WORDS.sub("", held.name).strip() or held.name
    if not held.group:
        held.group = f"{base[:60]}, seeds ({held.pk})"
        held.save(update_fields=["group"])
    made = drafts + [_copy(held, recipe, base, seed, user) for seed in new]
    for each in made:
        launch_recipe(each)
    recipe_run.refresh_from_db()
    return made


def stop_all(members: Iterable[Member], how: StopRequest) -> int:
    """Ask every one that is under way to stop; says how many."""
    asked = 0
    for member in members:
        if member.recipe_run.stands.is_moving:
            with suppress(UserError):  # it has ended meanwhile
                stop_recipe(member.recipe_run, how)
                asked += 1
    return asked


@transaction.atomic
def resume_all(members: Iterable[Member]) -> int:
    """Let every one go on that stands still early; says how many."""
    early = [member.recipe_run for member in members if member.recipe_run.stands in RESUMABLE]
    for each in early:
        resume_recipe(each)
    return len(early)


def _copy(held: RecipeRun, recipe: Recipe, base: str, seed: int, user: User | None) -> RecipeRun:
    what = json.dumps([held.pk, held.config, seed], sort_keys=True)
    return create_recipe(
        recipe, user=user, name=f"{base[:100]}, seed {seed}", group=held.group, notes=held.notes, seed=seed,
        cloned_from=held, start_id=uuid.uuid5(START_IDS, what),
    )  # fmt: skip


def shape_of(config: Mapping[str, Any]) -> str:
    """The stored stages without their seeds."""
    stages = [
        {**stage, "run": {name: value for name, value in stage.get("run", {}).items() if name != "seed"}}
        for stage in config.get("stages", [])
    ]
    return json.dumps(stages, sort_keys=True)
