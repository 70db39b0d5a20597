"""The page that compares a recipe's settings, and the dialog that starts a grid of it."""

import uuid
from typing import Any

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.views.decorators.http import require_POST, require_safe
from django_htmx.http import HttpResponseClientRedirect

from training.config.recipe import Recipe
from webapp.accounts.models import Role
from webapp.accounts.permissions import role_required, user_of
from webapp.core.errors import UserError
from webapp.recipes.family import Member, resume_all, stop_all
from webapp.recipes.grid.forms import GridForm
from webapp.recipes.grid.launching import start_grid
from webapp.recipes.grid.plan import estimate_grid, plan_grid
from webapp.recipes.grid.table import grid_table
from webapp.recipes.services import read_recipe
from webapp.recipes.views.common import get_recipe
from webapp.reports.sweeps.plan import SweepPlan
from webapp.reports.sweeps.services import SHOWN_REASONS
from webapp.runs.configure.words import shown
from webapp.runs.views.common import how_to_stop


@require_safe
def grid(request: HttpRequest, number: int) -> HttpResponse:
    """Every setting of the recipe's group in one table."""
    recipe_run = get_recipe(number)
    recipe = read_recipe(recipe_run)
    context = {
        "nav": "recipes",
        "recipe": recipe_run,
        "table": grid_table(recipe_run, recipe),
        "stages": [stage.name for stage in recipe.stages],
        "plan_address": reverse("recipes:grid_plan", args=[number]),
        "start_address": reverse("recipes:grid_start", args=[number]),
    }
    return render(request, "recipes/grid.html", context)


@require_POST
@role_required(Role.RESEARCHER)
def plan(request: HttpRequest, number: int) -> HttpResponse:
    """What the dialog would start, as it is now."""
    form = GridForm(request.POST, read_recipe(get_recipe(number)))
    try:
        return _show(request, form, _planned(number, form))
    except UserError as error:
        return _show(request, form, None, error.message)


@require_POST
@role_required(Role.RESEARCHER)
def start(request: HttpRequest, number: int) -> HttpResponse:
    """Start all of it and go to the table; or say why not, in the dialog."""
    recipe_run = get_recipe(number)
    form = GridForm(request.POST, read_recipe(recipe_run))
    asked: SweepPlan[Recipe] | None = None
    try:
        asked = _planned(number, form)
        given = form.cleaned_data
        if given["agreed"] != asked.agreement:
            raise UserError("The settings changed after you looked. This is what would start now.")
        made = start_grid(
            asked, name=given["title"], user=user_of(request), start_id=given["start_id"],
            leave_out=given["leave_out"], origin=recipe_run,
        )  # fmt: skip
    except UserError as error:
        return _show(request, form, asked, error.message)
    count = f"{len(made)} recipe{' is' if len(made) == 1 else 's are'}"
    messages.success(request, f"{count} launched. This page compares them as their stages are done.")
    return HttpResponseClientRedirect(reverse("recipes:grid", args=[made[0].pk]))


@require_POST
@role_required(Role.RESEARCHER)
def stop(request: HttpRequest, number: int) -> HttpResponse:
    """Every recipe of the table; ``how`` is ``save`` or ``now``."""
    how = how_to_stop(request)
    count = stop_all(_members(number), how)
    messages.success(request, f"{count} recipe{'' if count == 1 else 's'} asked to stop; no stage begins any more.")
    return redirect("recipes:grid", number)


@require_POST
@role_required(Role.RESEARCHER)
def resume(request: HttpRequest, number: int) -> HttpResponse:
    """All that stopped or failed go on where they were."""
    count = resume_all(_members(number))
    messages.success(request, f"{count} recipe{' goes' if count == 1 else 's go'} on.")
    return redirect("recipes:grid", number)


def _members(number: int) -> list[Member]:
    recipe_run = get_recipe(number)
    return grid_table(recipe_run, read_recipe(recipe_run)).members


def _planned(number: int, form: GridForm) -> SweepPlan[Recipe]:
    """Raises UserError."""
    axes, seeds = form.asked()
    return plan_grid(read_recipe(get_recipe(number)), axes, seeds)


def _show(request: HttpRequest, form: GridForm, asked: SweepPlan[Recipe] | None, problem: str = "") -> HttpResponse:
    given = getattr(form, "cleaned_data", {})
    leaves_out = bool(given.get("leave_out"))
    context: dict[str, Any] = {
        "plan": asked,
        "problem": problem,
        "leaves_out": leaves_out,
        "may_start": asked is not None and bool(asked.settings) and (leaves_out or not asked.refused),
        "start_id": given.get("start_id") or uuid.uuid4(),
    }
    if asked is not None:
        context |= {
            "axes": [(axis.label, ", ".join(map(shown, axis.values)), "") for axis in asked.axes],
            "told": asked.refused[:SHOWN_REASONS],
            "untold": len(asked.refused) - SHOWN_REASONS,
            "estimate": estimate_grid(asked),
        }
    return render(request, "reports/sweep_plan.html", context)
