"""Making a recipe: where it begins from, its stages in order, and the same as text."""

import uuid

from django.contrib import messages
from django.db import transaction
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.views.decorators.http import require_POST, require_safe

from training.config.presets import PRESETS
from training.config.recipe import Recipe, Stage
from training.config.recipes import RECIPES, RecipePreset
from webapp.accounts.models import Role
from webapp.accounts.permissions import role_required, user_of
from webapp.core.errors import UserError
from webapp.recipes import editing, services
from webapp.recipes.advance import locked
from webapp.recipes.checks import advice_on_recipe, faults_of_recipe
from webapp.recipes.configure import shaping
from webapp.recipes.configure.rows import reasons_of, rows_of
from webapp.recipes.configure.seen import CHANGED, changed_since, mark_of
from webapp.recipes.configure.sizes import size_of
from webapp.recipes.configure.text import read_recipe_text, write_recipe
from webapp.recipes.configure.ways import read_ways
from webapp.recipes.models import RecipeRun
from webapp.recipes.status import RecipeState
from webapp.recipes.views.common import get_recipe
from webapp.runs.configure.files import FileError, Mistake
from webapp.runs.configure.picker import preset_groups
from webapp.runs.configure.side_views import sent_text

MOVES = {"up": -1, "down": 1}
MOST_CLONED = 8
"""Recipes that are offered to be cloned; the list of all is a click away."""


@role_required(Role.RESEARCHER)
def new(request: HttpRequest) -> HttpResponse:
    """Where to begin from; or, when that was sent, the draft made of it."""
    context: dict[str, object] = {
        "nav": "recipes",
        "presets": list(RECIPES.values()),
        "start_id": uuid.uuid4(),
        "existing": RecipeRun.objects.order_by("-pk")[:MOST_CLONED],
    }
    if request.method == "POST":
        try:
            return _made(request, _begun_with(request))
        except FileError as error:
            context |= {"mistakes": error.mistakes, "text": request.POST.get("text", "")}
    return render(request, "recipes/new.html", context)


@role_required(Role.RESEARCHER)
def edit(request: HttpRequest, number: int) -> HttpResponse:
    """The stages of a draft; or, when something was done to them, that done."""
    recipe_run = get_recipe(number)
    if recipe_run.stands != RecipeState.DRAFT:
        messages.info(request, f"{recipe_run.name} has begun: its stages are edited one by one.")
        return redirect("recipes:detail", number)
    if request.method == "POST":
        return _done(request, recipe_run)
    return _show(request, recipe_run)


def _show(request: HttpRequest, recipe_run: RecipeRun, refusal: dict[str, object] | None = None) -> HttpResponse:
    """The editor; with a refusal, above it why the last thing was not done, and the ways out."""
    recipe = services.read_recipe(recipe_run)
    faults, size = list(faults_of_recipe(recipe)), size_of(recipe)
    context = {
        "nav": "recipes",
        "recipe": recipe_run,
        "rows": list(zip(rows_of(recipe, faults), size.stages, strict=True)),
        "reasons": reasons_of(faults),
        "advice": list(advice_on_recipe(recipe)) if not faults else [],
        "steps": sum(stage.run.steps for stage in recipe.stages),
        "size": size,
        "presets": preset_groups(),
        "refusal": refusal,
    }
    return render(request, "recipes/edit.html", context)


@role_required(Role.RESEARCHER)
def edit_text(request: HttpRequest, number: int) -> HttpResponse:
    """The draft as YAML; nothing is saved of a text with mistakes."""
    recipe_run = get_recipe(number)
    if recipe_run.stands != RecipeState.DRAFT:
        raise UserError(f"{recipe_run.name} has begun. Clone it to change it as a whole.")
    draft = _draft(recipe_run)
    context: dict[str, object] = {"nav": "recipes", "recipe": recipe_run, "seen": mark_of(draft)}
    if request.method != "POST":
        context["text"] = write_recipe(draft)
        return render(request, "recipes/text.html", context)
    try:
        recipe = read_recipe_text(sent_text(request))
        with transaction.atomic():
            if changed_since(request, _draft(locked(number))):
                raise FileError([Mistake(CHANGED)])
            editing.replace_config(recipe_run, recipe)
    except FileError as error:
        context |= {"mistakes": error.mistakes, "text": request.POST.get("text", "")}
        return render(request, "recipes/text.html", context)
    messages.success(request, "The text is saved.")
    return redirect("recipes:edit", number)


@require_safe
def export(request: HttpRequest, number: int) -> HttpResponse:
    """The recipe as a file, for `python -m training recipe` or another installation."""
    recipe = _draft(get_recipe(number))
    headers = {"Content-Disposition": f'attachment; filename="recipe-{number}.yaml"'}
    return HttpResponse(write_recipe(recipe), "application/yaml", headers=headers)


@require_POST
@role_required(Role.RESEARCHER)
def start(request: HttpRequest, number: int) -> HttpResponse:
    """Begin with the first stage. What keeps a stage from being trained is said on the editor."""
    recipe_run = get_recipe(number)
    try:
        services.launch_recipe(recipe_run)
    except UserError as error:
        messages.error(request, error.message)
        recipe_run.refresh_from_db()
        return redirect("recipes:edit" if recipe_run.stands == RecipeState.DRAFT else "recipes:detail", number)
    messages.success(request, "The first stage is queued; the others follow by themselves.")
    return redirect("recipes:detail", number)


def _draft(recipe_run: RecipeRun) -> Recipe:
    """The recipe under the name that it has now, which may be changed on its page too."""
    return services.read_recipe(recipe_run).model_copy(update={"name": recipe_run.name})


def _begun_with(request: HttpRequest) -> Recipe:
    """Raises UserError for a preset that there is not, and FileError for a text that is no recipe."""
    if slug := request.POST.get("preset"):
        preset: RecipePreset | None = RECIPES.get(slug)
        if preset is None:
            raise UserError(f"There is no recipe {slug!r}; there are {', '.join(RECIPES)}.", status=404)
        return preset.recipe("full" if request.POST.get("size") == "full" else "builtin")
    if "empty" in request.POST:
        return Recipe(name="New recipe", stages=(Stage(name="stage-1"),))
    return read_recipe_text(sent_text(request))


def _made(request: HttpRequest, recipe: Recipe) -> HttpResponse:
    try:
        start_id = uuid.UUID(request.POST.get("start_id", ""))
    except ValueError:
        start_id = uuid.uuid4()
    chosen = uuid.uuid5(start_id, recipe.model_dump_json())  # who comes back and chooses another begins another
    made = services.create_recipe(recipe, user=user_of(request), start_id=chosen)
    return redirect("recipes:edit", made.pk)


@transaction.atomic
def _done(request: HttpRequest, recipe_run: RecipeRun) -> HttpResponse:
    """One thing done to the stages, saved at once; or why it cannot be done.

    The row is locked first: what somebody else does in this moment is neither lost nor undone.
    """
    stage = request.POST.get("stage", "")
    try:
        recipe, focus = _reshaped(request, _draft(locked(recipe_run.pk)), request.POST.get("do", ""), stage)
        editing.replace_config(recipe_run, recipe)
    except shaping.Refused as error:
        return _show(request, recipe_run, {
            "message": error.message, "ways": error.ways, "do": request.POST.get("do", ""), "stage": stage,
            "gone": request.POST.getlist("way"),
        })  # fmt: skip
    except UserError as error:
        messages.error(request, error.message)
        focus = stage
    return redirect(reverse("recipes:edit", args=[recipe_run.pk]) + (f"#stage-{focus}" if focus else ""))


def _reshaped(request: HttpRequest, recipe: Recipe, do: str, stage: str) -> tuple[Recipe, str]:
    """The recipe after it, and the stage to look at then. Raises UserError."""
    ways = read_ways(request.POST.getlist("way"))
    if do in MOVES:
        return shaping.moved(recipe, stage, MOVES[do], ways), stage
    if do == "mend":
        return shaping.with_stages(recipe, recipe.stages, ways), stage
    if do == "add":
        recipe = _with_new(recipe, request.POST.get("preset", ""))
        return recipe, recipe.stages[-1].name
    if do == "copy":
        return shaping.with_copy(recipe, stage), stage
    if do == "remove":
        recipe, led_on = shaping.without(recipe, stage)
        told = f" {', '.join(led_on)} now begin{'s' * (len(led_on) == 1)} from what it began from." if led_on else ""
        messages.success(request, f"The stage {stage} is removed.{told}")
        return recipe, ""
    if do == "name":
        name = request.POST.get("name", "").strip()
        if not 0 < len(name) <= 120:
            raise UserError("A recipe needs a name of at most 120 characters.")
        return recipe.model_copy(update={"name": name}), ""
    raise UserError("This cannot be done to a recipe's stages.")


def _with_new(recipe: Recipe, slug: str) -> Recipe:
    """One more stage, from a preset of runs where one is named. Raises UserError when there is none of that name."""
    if not slug:
        return shaping.with_new(recipe)
    if slug not in PRESETS:
        raise UserError(f"There is no preset {slug!r}.", status=404)
    return shaping.with_new(recipe, PRESETS[slug].config, slug)
