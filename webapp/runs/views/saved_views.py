"""Lists and comparisons that a user named."""

from typing import cast
from urllib.parse import urlencode

from django.contrib import messages
from django.http import HttpRequest, HttpResponse, QueryDict
from django.shortcuts import get_object_or_404, redirect
from django.urls import reverse
from django.views.decorators.http import require_POST

from webapp.accounts.models import User
from webapp.core.errors import UserError
from webapp.runs.models import SavedView

PAGES = {"list": "runs:list", "compare": "runs:compare", "trees": "search:all_trees"}
"""Pages whose address can be kept."""
FORGOTTEN = {"page", "after"}
"""Parts of an address that belong to a moment."""


def views_of(request: HttpRequest, page: str) -> list[SavedView]:
    """The user's views of one page, each with its address in ``url``."""
    views = list(SavedView.objects.filter(owner=cast(User, request.user), page=page))
    for view in views:
        view.url = f"{reverse(PAGES[page])}?{view.query}"  # type: ignore[attr-defined]  # for the template
    return views


@require_POST
def save(request: HttpRequest) -> HttpResponse:
    """Keep an address under a name; the same name again replaces it."""
    page, name = request.POST.get("page", ""), request.POST.get("name", "").strip()[:80]
    if page not in PAGES or not name or not name.isprintable():
        raise UserError("A view needs a name.")
    asked = QueryDict(request.POST.get("query", "").lstrip("?"))
    query = urlencode([(key, value) for key, values in asked.lists() for value in values if key not in FORGOTTEN])
    SavedView.objects.update_or_create(owner=request.user, page=page, name=name, defaults={"query": query})
    messages.success(request, f"The view {name} is saved.")
    return redirect(f"{reverse(PAGES[page])}?{query}")


@require_POST
def delete(request: HttpRequest, view_id: int) -> HttpResponse:
    view = get_object_or_404(SavedView, pk=view_id, owner=cast(User, request.user))
    view.delete()
    messages.success(request, f"The view {view.name} is deleted.")
    return redirect(PAGES[view.page])
