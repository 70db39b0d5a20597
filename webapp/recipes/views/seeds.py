"""A recipe over several seeds: what its stages came to, and more of them."""

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_POST, require_safe

from webapp.accounts.models import Role
from webapp.accounts.permissions import role_required, user_of
from webapp.recipes import family
from webapp.recipes.seed_table import seed_table
from webapp.recipes.status import RESUMABLE
from webapp.recipes.views.common import get_recipe
from webapp.reports.sweeps.reading import read_seeds
from webapp.reports.wording import ONE_SEED
from webapp.runs.views.common import how_to_stop


@require_safe
def seeds(request: HttpRequest, number: int) -> HttpResponse:
    """Results of each stage with mean and interval over the recipes that differ in their seed alone."""
    recipe = get_recipe(number)
    members = family.family_of(recipe)
    states = [member.recipe_run.stands for member in members]
    context = {
        "nav": "recipes",
        "recipe": recipe,
        "table": seed_table(members) if members else None,
        "moving": sum(state.is_moving for state in states),
        "early": sum(state in RESUMABLE for state in states),
        "one_seed": ONE_SEED if len(members) == 1 else "",
    }
    return render(request, "recipes/seeds.html", context)


@require_POST
@role_required(Role.RESEARCHER)
def repeat(request: HttpRequest, number: int) -> HttpResponse:
    """Launch the recipe with further seeds."""
    made = family.repeat_with_seeds(get_recipe(number), read_seeds(request.POST.get("seeds", "")), user_of(request))
    count = f"{len(made)} recipe{' is' if len(made) == 1 else 's are'}"
    messages.success(request, f"{count} launched. This page compares them as their stages are done.")
    return redirect("recipes:seeds", number)


@require_POST
@role_required(Role.RESEARCHER)
def stop(request: HttpRequest, number: int) -> HttpResponse:
    """All of them; ``how`` is ``save`` or ``now``."""
    how = how_to_stop(request)
    count = family.stop_all(family.family_of(get_recipe(number)), how)
    messages.success(request, f"{count} recipe{'' if count == 1 else 's'} asked to stop; no stage begins any more.")
    return redirect("recipes:seeds", number)


@require_POST
@role_required(Role.RESEARCHER)
def resume(request: HttpRequest, number: int) -> HttpResponse:
    """All that stopped or failed go on where they were."""
    count = family.resume_all(family.family_of(get_recipe(number)))
    messages.success(request, f"{count} recipe{' goes' if count == 1 else 's go'} on.")
    return redirect("recipes:seeds", number)
