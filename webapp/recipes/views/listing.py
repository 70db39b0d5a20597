"""The list of recipes, newest first."""

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render

from webapp.accounts.permissions import user_of
from webapp.core.paging import keyset_page
from webapp.recipes.listing import filtered, rows_of
from webapp.recipes.status import RecipeState

FILTERS = ("q", "state", "group", "mine")


def recipe_list(request: HttpRequest) -> HttpResponse:
    """Narrowed and paged by its address."""
    found = filtered(request.GET, user_of(request))
    page = keyset_page(found, by="created_at", descending=True, cursor=request.GET.get("after", ""))
    context = {
        "nav": "recipes",
        "rows": rows_of(page.rows),
        "next_cursor": page.next_cursor,
        "states": RecipeState.choices,
        "is_narrowed": any(request.GET.get(name) for name in FILTERS),
        "is_moving": any(recipe.stands.is_moving for recipe in page.rows),
    }
    return render(request, "recipes/list.html", context)
