"""What can be done to a recipe as a whole."""

from django import forms
from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.views.decorators.http import require_POST

from webapp.accounts.models import Role
from webapp.accounts.permissions import role_required, user_of
from webapp.core.errors import UserError
from webapp.recipes import services
from webapp.recipes.editing import rerun_stage
from webapp.recipes.models import RecipeRun
from webapp.recipes.views.common import get_recipe
from webapp.runs.models import StopRequest
from webapp.runs.views.common import how_to_stop, must_be_typed


class AboutForm(forms.ModelForm):  # type: ignore[type-arg]
    """What may be changed of a recipe at any time."""

    class Meta:
        model = RecipeRun
        fields = ["name", "group", "notes"]


@require_POST
@role_required(Role.RESEARCHER)
def launch(request: HttpRequest, number: int) -> HttpResponse:
    """Begin with the first stage; the others follow by themselves."""
    services.launch_recipe(get_recipe(number))
    messages.success(request, "The first stage is queued; the others follow by themselves.")
    return redirect("recipes:detail", number)


@require_POST
@role_required(Role.RESEARCHER)
def stop(request: HttpRequest, number: int) -> HttpResponse:
    """``how`` is ``save`` or ``now``."""
    how = how_to_stop(request)
    recipe = get_recipe(number)
    services.stop_recipe(recipe, how)
    if not recipe.stands.is_moving:
        messages.success(request, "The recipe is stopped.")
    elif how == StopRequest.NOW:
        messages.success(request, "The stage under way is being stopped now; none begins after it.")
    else:
        messages.success(request, "The stage under way finishes its step, saves and stops; none begins after it.")
    return redirect("recipes:detail", number)


@require_POST
@role_required(Role.RESEARCHER)
def resume(request: HttpRequest, number: int) -> HttpResponse:
    """Go on; with ``anew`` the stage begins from its start, in another run."""
    anew = request.POST.get("anew") == "true"
    services.resume_recipe(get_recipe(number), anew=anew)
    messages.success(request, "The stage begins anew." if anew else "The recipe goes on.")
    return redirect("recipes:detail", number)


@require_POST
@role_required(Role.RESEARCHER)
def rerun(request: HttpRequest, number: int, name: str) -> HttpResponse:
    """Train a stage and what depends on it anew, as they are."""
    rerun_stage(get_recipe(number), name)
    messages.success(request, f"The stage {name} begins anew.")
    return redirect("recipes:detail", number)


@require_POST
@role_required(Role.RESEARCHER)
def about(request: HttpRequest, number: int) -> HttpResponse:
    """Name, group and notes."""
    recipe = get_recipe(number)
    form = AboutForm(request.POST, instance=recipe)
    if not form.is_valid():
        raise UserError("A recipe needs a name of at most 120 characters, and a group name of at most 80.")
    recipe.save(update_fields=AboutForm.Meta.fields)
    return redirect("recipes:detail", number)


@require_POST
@role_required(Role.RESEARCHER)
def clone(request: HttpRequest, number: int) -> HttpResponse:
    """A draft with the same stages; with ``seed``, with that seed in each."""
    text = request.POST.get("seed", "").strip()
    if text and not (text.isdecimal() and len(text) <= 10 and int(text) < 2**31):
        raise UserError("A seed is a whole number from 0 to 2,147,483,647.")
    made = services.clone_recipe(get_recipe(number), user_of(request), seed=int(text) if text else None)
    messages.success(request, "This is the copy: a draft, which begins when you launch it.")
    return redirect("recipes:detail", made.pk)


@require_POST
@role_required(Role.RESEARCHER)
def delete(request: HttpRequest, number: int) -> HttpResponse:
    """For ever; its runs too when ``runs`` says so. The name must be typed."""
    recipe = get_recipe(number)
    must_be_typed(request, recipe.name, "the recipe's name")
    with_runs = request.POST.get("runs") == "true"
    services.delete_recipe(recipe, with_runs=with_runs)
    messages.success(request, f"{recipe.name} is deleted{' with its runs' if with_runs else '; its runs are kept'}.")
    return redirect("recipes:list")
