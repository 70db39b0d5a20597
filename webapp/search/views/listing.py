"""The trees of a run or of all runs, as a list with a JSON twin and exports; and their pins."""

from typing import Any

from django.conf import settings
from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse, StreamingHttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import get_object_or_404, render
from django.views.decorators.http import require_GET, require_POST

from webapp.accounts.models import Role
from webapp.accounts.permissions import role_required
from webapp.core.errors import UserError
from webapp.core.htmx import is_fragment
from webapp.inspection import twins
from webapp.inspection.export import CONTENT_TYPES, lines
from webapp.runs.models import Run
from webapp.runs.views.common import back, run_numbers
from webapp.runs.views.saved_views import views_of
from webapp.search.filters import chosen_rows
from webapp.search.listing import Listing, ordered_by, read_listing, sort_of, summarise
from webapp.search.models import SearchTree
from webapp.search.pins import pin_trees, unpin_trees

FIELDS = (
    "id", "run_id", "step", "split", "index", "group_id", "solved", "uniform", "exhausted", "ends", "right_ends",
    "nodes", "depth", "expansions", "tokens", "best_q", "mean_reward", "prefix_tokens", "prefix_recomputed", "seconds",
    "stored", "dropped", "why_kept", "pinned",
)  # fmt: skip
EXPORTED = {name: name for name in FIELDS} | {
    "problem_id": "prompt__problem_id", "answer": "prompt__answer", "prompt": "prompt__text",
}  # fmt: skip


@require_GET
def tree_list(request: HttpRequest, run_id: int) -> HttpResponse:
    """Those of one run."""
    return _list(request, get_object_or_404(Run, pk=run_id))


@require_GET
def all_trees(request: HttpRequest) -> HttpResponse:
    """Those of all runs."""
    return _list(request, None)


def _list(request: HttpRequest, run: Run | None) -> HttpResponse:
    """The list; for htmx, only further rows."""
    listing = read_listing(run, request.GET)
    if twins.wants_json(request):
        return twins.answer(_twin(listing))
    context: dict[str, Any] = {"listing": listing, "run": run, "nav": "runs" if run else "trees"}
    if is_fragment(request):
        return render(request, "search/trees_rows.html", context)
    if listing.rows and "after" not in request.GET:
        context["summary"] = summarise(listing)
    context["nodes_per_run"] = settings.SEARCH_NODES_PER_RUN
    if run is None:
        context["saved_views"] = views_of(request, "trees")
    return render(request, "search/trees.html", context)


@require_GET
def export_trees(request: HttpRequest, kind: str, run_id: int | None = None) -> HttpResponseBase:
    """All rows of the list as CSV or JSON lines."""
    run = None if run_id is None else get_object_or_404(Run, pk=run_id)
    if kind not in CONTENT_TYPES:
        raise Http404(kind)
    sort = sort_of(request.GET)
    rows = ordered_by(chosen_rows(run, request.GET), sort)
    rows = rows.order_by(sort, "-id" if sort.startswith("-") else "id")
    response = StreamingHttpResponse(lines(rows, kind, EXPORTED), content_type=CONTENT_TYPES[kind])
    name = f"run-{run.pk}-trees" if run else "trees"
    response["Content-Disposition"] = f'attachment; filename="{name}.{kind}"'
    return response


@require_POST
@role_required(Role.RESEARCHER)
def pin(request: HttpRequest, tree_id: int) -> HttpResponse:
    """Pin a tree, or unpin it where ``pinned`` is ``false``; htmx gets the button anew."""
    tree = get_object_or_404(SearchTree, pk=tree_id)
    wanted = request.POST.get("pinned") != "false"
    if wanted and not pin_trees([tree.pk]):
        raise UserError("Of this tree the figures alone are stored: there are no nodes to keep.")
    if not wanted:
        unpin_trees([tree.pk])
    tree.pinned = wanted
    if is_fragment(request):
        return render(request, "search/trees_pin.html", {"tree": tree})
    messages.success(request, "The tree is pinned." if wanted else "The tree is no longer pinned.")
    return back(request, "search:tree", tree.pk)


@require_POST
@role_required(Role.RESEARCHER)
def pin_ticked(request: HttpRequest) -> HttpResponse:
    """Pin or unpin the ticked trees."""
    ticked = run_numbers(",".join(request.POST.getlist("trees")))
    if not ticked:
        raise UserError("No tree is ticked. Tick some in the list first.")
    if request.POST.get("pinned") == "false":
        count = unpin_trees(ticked)
        messages.success(request, f"{_trees(count)} no longer pinned: the keeping rule may drop the nodes.")
    else:
        count = pin_trees(ticked)
        without = f" {len(ticked) - count} have no nodes to keep." if count < len(ticked) else ""
        messages.success(request, f"{_trees(count)} pinned.{without}")
    return back(request, "search:all_trees")


def _trees(count: int) -> str:
    return f"{count} {'tree is' if count == 1 else 'trees are'}"


def _twin(listing: Listing) -> dict[str, Any]:
    return {
        "run": listing.run.pk if listing.run else None,
        "sort": listing.sort,
        "trees": [
            {name: getattr(row.tree, name) for name in FIELDS}
            | {"problem": row.problem, "recomputed_share": row.recomputed_share}
            for row in listing.rows
        ],
        "errors": listing.filter.errors.get_json_data(),
        "next": listing.page.next_cursor or None,
    }
