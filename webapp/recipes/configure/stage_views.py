"""The page of one stage: the form of a run, with where its models come from."""

from dataclasses import replace

from django.contrib import messages
from django.db import transaction
from django.http import HttpRequest, HttpResponse, QueryDict
from django.shortcuts import redirect, render
from django.urls import reverse
from django.views.decorators.http import require_POST
from pydantic import ValidationError

from training.config.presets import PRESETS
from training.config.recipe import Recipe, Stage
from webapp.accounts.models import Role
from webapp.accounts.permissions import role_required
from webapp.core.errors import UserError
from webapp.recipes import editing, services
from webapp.recipes.advance import locked
from webapp.recipes.configure.gone import GONE, Opened, opened, with_gone
from webapp.recipes.configure.seen import CHANGED, changed_since, mark_of
from webapp.recipes.configure.shaping import replaced
from webapp.recipes.configure.stage_form import PREFIX, StageEdit, as_sent, stage_edit
from webapp.recipes.models import RecipeRun
from webapp.recipes.status import RESUMABLE, RecipeState
from webapp.recipes.views.common import get_recipe
from webapp.runs.config_forms import Fault, explain
from webapp.runs.configure.preview import Preview, preview_of
from webapp.runs.configure.starting import Start, start_from
from webapp.runs.configure.views import form_context
from webapp.runs.knobs import NOT_OFFERED

SAVE, SAVE_AND_GO_ON = "Save stage", "Save and go on"
GIVEN_BY = {
    "model": f"{PREFIX}-model_from",
    "reward": f"{PREFIX}-reward_model_from",
    "selection": f"{PREFIX}-selection_model_from",
}
"""Sections of the form whose model an earlier stage may give, and the field that says which."""


@role_required(Role.RESEARCHER)
def edit_stage(request: HttpRequest, number: int, name: str) -> HttpResponse:
    """The form; or, when it was sent, the stage saved."""
    recipe_run = get_recipe(number)
    place = _opened(request, recipe_run, name)
    stored = place.recipe.stage(place.name)
    if ("method.kind", stored.run.method.kind) in NOT_OFFERED:
        raise UserError(f"The stage {place.name} only evaluates. Edit it in the recipe's text.")
    start = _start(request, place)
    may_rename = recipe_run.stands == RecipeState.DRAFT
    if request.method != "POST":
        edit = stage_edit(place.recipe, name, as_sent(stored, start.values), may_rename)
        return _show(request, recipe_run, place, start, edit)
    edit = stage_edit(place.recipe, place.name, _sent(request, name, place), may_rename)
    told = place.message or (CHANGED if not place.is_gone and changed_since(request, stored) else "")
    if not told and edit.recipe is not None:
        try:
            return _save(request, recipe_run, place, edit.recipe, edit.fields.cleaned_data["name"])
        except UserError as error:
            edit.form.add_fault(Fault(error.message, ()))
    return _show(request, recipe_run, place, start, edit, refused="The stage was not saved", told=told)


@require_POST
@role_required(Role.RESEARCHER)
def preview_stage(request: HttpRequest, number: int, name: str) -> HttpResponse:
    """The card beside the form, for the form as it is now."""
    recipe_run = get_recipe(number)
    if request.POST.get("seen") != GONE and name not in _names(recipe_run):
        return HttpResponse(status=204)  # it was renamed in this moment, and the page is about to be left
    place = _opened(request, recipe_run, name)
    edit = stage_edit(place.recipe, name, request.POST, recipe_run.stands == RecipeState.DRAFT)
    preview = _preview(recipe_run, edit, _start(request, place))
    return render(request, "runs/new_preview.html", {"preview": preview})


def _opened(request: HttpRequest, recipe_run: RecipeRun, name: str) -> Opened:
    recipe, is_draft = services.read_recipe(recipe_run), recipe_run.stands == RecipeState.DRAFT
    return opened(recipe, name, request.POST.get("seen", ""), is_draft)


def _names(recipe_run: RecipeRun) -> set[str]:
    return {stage.name for stage in services.read_recipe(recipe_run).stages}


def _sent(request: HttpRequest, name: str, place: Opened) -> QueryDict:
    """The form as it was sent; a name that its user left alone is the one that the stage has now."""
    data = request.POST.copy()
    if data.get(f"{PREFIX}-name") == name:
        data[f"{PREFIX}-name"] = place.name
    return data


def _start(request: HttpRequest, place: Opened) -> Start:
    """The stage as it is saved, or a preset to take its place."""
    if request.GET.get("preset") in PRESETS:
        return start_from(request.GET)
    return Start("a new stage" if place.is_gone else "the saved stage", place.recipe.stage(place.name).run)


def _preview(recipe_run: RecipeRun, edit: StageEdit, start: Start) -> Preview:
    call = SAVE_AND_GO_ON if recipe_run.stands in RESUMABLE else SAVE
    return preview_of(edit.form, edit.facts, start, call, edit.foreseen)


def _save(request: HttpRequest, recipe_run: RecipeRun, place: Opened, edited: Recipe, new_name: str) -> HttpResponse:
    """A draft's stage is one of its config; later, others may have to be trained anew. Raises UserError."""
    name = place.name
    if recipe_run.stands == RecipeState.DRAFT:
        _replace(recipe_run, place, edited.stage(new_name))
        messages.success(request, f"The stage {new_name} is saved.")
        return redirect("recipes:edit", recipe_run.pk)
    go_on = "save_only" not in request.POST
    editing.edit_stage(recipe_run, name, edited.stage(new_name), rerun="rerun" in request.POST, go_on=go_on)
    goes_on = recipe_run.stands.is_moving
    messages.success(request, f"The stage {name} is saved{', and the recipe goes on' if goes_on else ''}.")
    return redirect("recipes:detail", recipe_run.pk)


@transaction.atomic
def _replace(recipe_run: RecipeRun, place: Opened, stage: Stage) -> None:
    """Put a stage of a draft in the place of one, beside whatever else was done meanwhile. Raises UserError."""
    current = services.read_recipe(locked(recipe_run.pk)).model_copy(update={"name": recipe_run.name})
    try:
        if place.is_gone:
            current = with_gone(current, place.name)
        editing.replace_config(recipe_run, replaced(current, place.name, stage))
    except ValidationError as error:
        raise UserError(explain(error.errors(include_url=False)[0])) from error


def _show(
    request: HttpRequest,
    recipe_run: RecipeRun,
    place: Opened,
    start: Start,
    edit: StageEdit,
    refused: str = "",
    told: str = "",
) -> HttpResponse:
    """The page; ``refused`` says what did not happen, and ``told`` why, where nothing that was entered is wrong."""
    name = place.name
    preview = _preview(recipe_run, edit, start)
    context = form_context(request, start, edit.form, preview, refused)
    context["sections"] = [
        replace(shown, given_by=GIVEN_BY.get(shown.section.slug, "")) for shown in context["sections"]
    ]
    context |= {
        "nav": "recipes",
        "recipe": recipe_run,
        "stage": name,
        "told": told,
        "seen": GONE if place.is_gone else mark_of(place.recipe.stage(name)),
        "address": reverse("recipes:edit-stage", args=[recipe_run.pk, name]),
        "preview_address": reverse("recipes:preview-stage", args=[recipe_run.pk, name]),
        "fields": edit.fields,
        "reruns": [] if place.is_gone else editing.rerun_by_edit(recipe_run, name),
        "kept": "" if refused else editing.kept_because(recipe_run, name),
        "is_draft": recipe_run.stands == RecipeState.DRAFT,
        "can_go_on": recipe_run.stands in RESUMABLE,
    }
    return render(request, "recipes/stage.html", context)
