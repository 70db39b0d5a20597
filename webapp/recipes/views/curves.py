"""The figures behind the charts of a recipe, as the charts of runs ask for them, and the way to a step's rollouts."""

from django.http import Http404, HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import redirect

from webapp.core.errors import UserError
from webapp.recipes.chain import Link, links_of
from webapp.recipes.end_to_end import Place, axis_of, places_of, read
from webapp.recipes.services import read_recipe
from webapp.recipes.views.common import get_recipe
from webapp.runs import series
from webapp.runs.views.common import number as whole_number
from webapp.runs.views.curves import MOST_FIGURES, chosen_axis, metric_names


def curves(request: HttpRequest, number: int) -> JsonResponse:
    """``names`` with commas; ``from`` and ``to`` steps of the whole; ``points`` the most that all stages may have.

    Sources are the stages, by number. The axis is one for all.
    """
    recipe = get_recipe(number)
    places = places_of(links_of(recipe, read_recipe(recipe)))
    names = metric_names(request)
    end = places[-1].end
    first, last = whole_number(request, "from", 0), whole_number(request, "to", end)
    asked = min(whole_number(request, "points", 1000), series.MOST_POINTS)
    level = series.level_for(first, last, min(asked, max(64, MOST_FIGURES // max(1, len(names)))))
    axis = chosen_axis(request)
    body = {
        "level": level,
        "curves": read(places, names, level, first, last),
        "axis": {} if axis == "step" else {"1": axis_of(places, axis, level).as_json()},
        "cursor": cursor_of([place.link for place in places]),
    }
    return JsonResponse(body)


def cursor_of(links: list[Link]) -> str:
    """Changes with every step, every rewind and every new attempt."""
    runs = [link.run for link in links if link.run]
    return f"{sum(run.rewinds + run.pk for run in runs)}.{sum(run.step for run in runs)}"


def step(request: HttpRequest, number: int, stage: int, step: int) -> HttpResponse:
    """The rollouts of a step of the whole, at the run that did it."""
    recipe = get_recipe(number)
    place = _place(places_of(links_of(recipe, read_recipe(recipe))), stage)
    if place.link.run is None or step < place.begin:
        raise UserError(f"The stage {place.link.stage.name} has no step {step} of this recipe.", status=404)
    address = redirect("inspection:step", place.link.run.pk, step - place.begin)
    if request.GET.get("split") in {"heldout", "train"}:
        address["Location"] += f"?split={request.GET['split']}"
    return address


def _place(places: list[Place], stage: int) -> Place:
    if not 1 <= stage <= len(places):
        raise Http404(f"This recipe has no stage {stage}.")
    return places[stage - 1]
