"""Pages of items, for those who may know where their responses come from."""

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, render
from django.views.decorators.http import require_GET, require_POST

from webapp.accounts.models import Role
from webapp.accounts.permissions import role_required
from webapp.labeling import items
from webapp.labeling.item_pages import STATES, read_item, read_items
from webapp.labeling.models import LabelItem
from webapp.labeling.views.common import get_project
from webapp.runs.views.common import back


@require_GET
def item_list(request: HttpRequest, slug: str) -> HttpResponse:
    project = get_project(slug)
    context = {
        "project": project,
        "page": read_items(project, request.GET),
        "states": STATES,
        "tab": "items",
        "nav": "label",
    }
    return render(request, "labeling/items.html", context)


@require_GET
def item_detail(request: HttpRequest, slug: str, number: int) -> HttpResponse:
    item = get_item(slug, number)
    context = {"project": item.project, "page": read_item(item), "item": item, "tab": "items", "nav": "label"}
    return render(request, "labeling/item.html", context)


@require_POST
@role_required(Role.RESEARCHER)
def set_aside(request: HttpRequest, slug: str, number: int) -> HttpResponse:
    """Take an item out of the queue (``aside``), or put it back."""
    aside = request.POST.get("aside") == "1"
    items.set_aside(get_item(slug, number), aside)
    said = "is set aside: nobody is given it" if aside else "is back in the queue"
    messages.success(request, f"Item {number} {said}.")
    return back(request, "labeling:item", slug, number)


def get_item(slug: str, number: int) -> LabelItem:
    """The item with its project, or a page that says there is none."""
    return get_object_or_404(LabelItem.objects.select_related("project"), project__slug=slug, number=number)
