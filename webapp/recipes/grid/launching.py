"""Starting the recipes of a grid: all or none."""

import json
import uuid

from django.db import transaction

from training.config.recipe import Recipe
from webapp.accounts.models import User
from webapp.core.errors import UserError
from webapp.recipes.models import RecipeRun
from webapp.recipes.services import create_recipe, launch_recipe
from webapp.reports.sweeps.plan import SweepPlan
from webapp.reports.sweeps.services import reasons_of


@transaction.atomic
def start_grid(
    plan: SweepPlan[Recipe],
    *,
    name: str = "",
    user: User | None = None,
    start_id: uuid.UUID | None = None,
    leave_out: bool = False,
    origin: RecipeRun | None = None,
) -> list[RecipeRun]:
    """A recipe for each setting and seed, launched, as a group of its own; those of one seed before the next.

    The same ``start_id`` always means the same recipes. Raises UserError when points cannot be run and are not to be
    left out, when nothing is left or a stage cannot be trained here, and after the commit when the broker is away:
    then the first stages wait.
    """
    if plan.refused and not leave_out:
        raise UserError("Some combinations cannot be run:\n" + reasons_of(plan))
    if not plan.settings:
        raise UserError("No combination can be run.")
    base, start = name.strip() or plan.base.name, start_id or uuid.uuid4()
    group = f"{base[:60]}, grid ({start.hex[:6]})"
    made = []
    for seed in plan.seeds:
        for setting in plan.settings:
            title = f": {setting.title}" if plan.axes else ""
            tail = f"{title[:70]}, seed {seed}"
            made.append(
                create_recipe(
                    setting.config,
                    user=user,
                    name=f"{base[: 120 - len(tail)]}{tail}",
                    group=group,
                    seed=seed,
                    cloned_from=origin,
                    start_id=uuid.uuid5(start, json.dumps([dict(setting.point), seed])),
                )
            )
    for each in made:
        launch_recipe(each)
    return made
