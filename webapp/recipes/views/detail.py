"""The page of one recipe, and what it becomes while stages go."""

import hashlib
from typing import Any

from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import render
from django.template.loader import render_to_string
from django.urls import reverse
from django.utils import timezone

from webapp.core.errors import UserError
from webapp.recipes.chain import Link, links_of
from webapp.recipes.checks import advice_on_recipe, faults_of_recipe
from webapp.recipes.end_to_end import Place, borders_of, charts_of, places_of
from webapp.recipes.models import RecipeRun
from webapp.recipes.results import results_of, selections_of
from webapp.recipes.services import read_recipe
from webapp.recipes.status import RESUMABLE, RecipeState
from webapp.recipes.timeline import rows_of
from webapp.recipes.views.common import get_recipe
from webapp.recipes.views.curves import cursor_of
from webapp.runs.views.detail import STEP_PLACE

PARTS = ("header", "actions", "notices", "stages", "results", "selections", "stopping", "resuming")
"""Parts of the page that change while a recipe goes on; each has a template ``recipes/detail_<name>.html``."""


def detail(request: HttpRequest, number: int) -> HttpResponse:
    """Timeline, curves end to end, results; of a draft what it would do."""
    recipe_run = get_recipe(number)
    try:
        links = links_of(recipe_run, read_recipe(recipe_run))
    except UserError as error:
        return _unreadable(request, recipe_run, error.message)
    places = places_of(links)
    charts = charts_of(places)
    context = _context(recipe_run, links) | {
        "charts": charts,
        "marks": borders_of(places, [chart["curves"][0]["name"] for chart in charts]),
        "version": _version(places, charts),
        "sources": ",".join(str(link.number) for link in links),
        "step_addresses": [
            (link.number, reverse("recipes:step", args=[recipe_run.pk, link.number, STEP_PLACE])) for link in links
        ],
        "step_place": STEP_PLACE,
    }
    if recipe_run.stands == RecipeState.DRAFT:
        context["faults"] = list(faults_of_recipe(recipe_run.recipe))
        context["advice"] = list(advice_on_recipe(recipe_run.recipe))
    return render(request, "recipes/detail.html", context)


def _unreadable(request: HttpRequest, recipe_run: RecipeRun, complaint: str) -> HttpResponse:
    """Of a recipe that another version has stored: what is left to do with it."""
    context = {
        "nav": "recipes", "recipe": recipe_run, "state": recipe_run.stands, "complaint": complaint,
        "attempts": recipe_run.attempts.all(),
    }  # fmt: skip
    return render(request, "recipes/unreadable.html", context, status=400)


def live(request: HttpRequest, number: int) -> JsonResponse:
    """``cursor`` says what the page has; ``have`` the digests of its parts. Only what changed comes back.

    ``stale`` means that curves are to be read anew.
    """
    recipe_run = get_recipe(number)
    links = links_of(recipe_run, read_recipe(recipe_run))
    places = places_of(links)
    body: dict[str, Any] = {
        "cursor": cursor_of(links),
        "terminal": not recipe_run.stands.is_moving,
        "version": _version(places, charts_of(places)),
        "parts": _changed_parts(request, _context(recipe_run, links)),
    }
    if request.GET.get("names") and request.GET.get("cursor") != body["cursor"]:
        body["stale"] = True
    return JsonResponse(body)


def _context(recipe_run: RecipeRun, links: list[Link]) -> dict[str, Any]:
    """What the page shows besides curves."""
    rows = rows_of(recipe_run, links, timezone.now())
    pending = next((row for row in rows if not row.link.is_done), None)
    done = sum(link.stage.run.steps if link.is_done else link.run.step if link.run else 0 for link in links)
    return {
        "nav": "recipes",
        "recipe": recipe_run,
        "state": recipe_run.stands,
        "rows": rows,
        "pending": pending,
        "at": pending.link.number if pending else len(rows),
        "done": done,
        "total": sum(link.stage.run.steps for link in links),
        "waited": sum(row.times.waited for row in rows if row.times),
        "trained": sum(row.times.trained for row in rows if row.times),
        "results": results_of(links),
        "selections": selections_of(links),
        "can_launch": recipe_run.stands == RecipeState.DRAFT,
        "can_stop": recipe_run.stands.is_moving,
        "is_stopping": recipe_run.stands == RecipeState.STOPPING,
        "can_resume": recipe_run.stands in RESUMABLE,
    }


def _changed_parts(request: HttpRequest, context: dict[str, Any]) -> dict[str, dict[str, str]]:
    """HTML and digest of each part whose digest the page does not have."""
    have = request.GET.get("have", "").split(",")
    parts = {name: render_to_string(f"recipes/detail_{name}.html", context, request) for name in PARTS}
    digests = {name: hashlib.sha256(html.encode()).hexdigest()[:12] for name, html in parts.items()}
    return {name: {"html": parts[name], "digest": digests[name]} for name in parts if digests[name] not in have}


def _version(places: list[Place], charts: list[dict[str, Any]]) -> str:
    """Changes when there are charts, curves or borders that the page does not have yet."""
    curves = [f"{chart['key']}{[curve['source'] for curve in chart['curves']]}" for chart in charts]
    borders = [place.begin for place in places]
    return hashlib.sha256(f"{curves}{borders}".encode()).hexdigest()[:12]
