"""One search: its page, its data, its nodes; and two searches side by side."""

from typing import Any

from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import render
from django.utils.cache import get_conditional_response, patch_vary_headers
from django.views.decorators.http import require_GET

from webapp.inspection.twins import answer, wants_json
from webapp.search import tree_matching, tree_payload
from webapp.search.tree_node import read_node
from webapp.search.tree_page import find_pair, find_tree, others_of, read_page
from webapp.search.tree_twins import page_twin

YEAR = 365 * 24 * 3600


@require_GET
def tree_detail(request: HttpRequest, tree_id: int) -> HttpResponse:
    page = read_page(find_tree(tree_id))
    if wants_json(request):
        return answer(page_twin(page))
    context = {"page": page, "tree": page.tree, "run": page.tree.run, "nav": "trees"}
    return render(request, "search/tree.html", context)


@require_GET
def tree_data(request: HttpRequest, tree_id: int) -> HttpResponse:
    """The columns that the viewer draws. Under an address that names their fingerprint they are kept for good."""
    tree = find_tree(tree_id)
    mark = tree_payload.fingerprint(tree)
    etag = f'"{mark}"'
    response = get_conditional_response(request, etag=etag)
    if response is None:
        response = _as_json(request, tree_payload.payload(tree))
        response["ETag"] = etag
    kept = request.GET.get("v") == mark
    response["Cache-Control"] = f"private, max-age={YEAR}, immutable" if kept else "private, no-cache"
    return response


@require_GET
def tree_export(request: HttpRequest, tree_id: int) -> HttpResponse:
    """Everything there is of a search, as a file."""
    tree = find_tree(tree_id)
    response = _as_json(request, tree_payload.whole_export(tree))
    response["Content-Disposition"] = f'attachment; filename="tree-{tree.pk}.json"'
    return response


@require_GET
def tree_texts(request: HttpRequest, tree_id: int) -> HttpResponse:
    """Beginnings of the texts of ``nodes``, for labels."""
    numbers = [int(each) for each in request.GET.get("nodes", "").split(",") if each.isdecimal() and len(each) < 10]
    return _as_json(request, {"texts": tree_payload.labels(find_tree(tree_id), numbers)})


@require_GET
def tree_search(request: HttpRequest, tree_id: int) -> HttpResponse:
    """Nodes whose text holds ``q``."""
    found, more = tree_payload.find(find_tree(tree_id), request.GET.get("q", ""))
    return JsonResponse({"nodes": found, "more": more})


@require_GET
def tree_node(request: HttpRequest, tree_id: int, number: int) -> HttpResponse:
    """The panel of a node, as a fragment, after the event ``event``."""
    asked = request.GET.get("event", "")
    event = int(asked) if asked.isdecimal() and len(asked) < 10 else None
    panel = read_node(find_tree(tree_id), number, event)
    return render(request, "search/tree_node.html", {"panel": panel, "node": panel.node, "tree": panel.tree})


@require_GET
def tree_others(request: HttpRequest, tree_id: int) -> HttpResponse:
    """Other searches of the same problem, as a fragment."""
    tree = find_tree(tree_id)
    return render(request, "search/tree_others.html", {"tree": tree, "others": others_of(tree)})


@require_GET
def tree_compare(request: HttpRequest) -> HttpResponse:
    """Two searches, named by ``a`` and ``b``."""
    pair = find_pair(request.GET.get("a", ""), request.GET.get("b", ""))
    pages = [read_page(tree) for tree in pair]
    context: dict[str, Any] = {"pages": pages, "same_problem": pair[0].prompt.text == pair[1].prompt.text}
    return render(request, "search/tree_compare.html", context | {"nav": "trees"})


@require_GET
def tree_match(request: HttpRequest) -> HttpResponse:
    """Nodes that two searches share."""
    shared = tree_matching.match(*find_pair(request.GET.get("a", ""), request.GET.get("b", "")))
    return _as_json(request, {"a": shared.left, "b": shared.right})


def _as_json(request: HttpRequest, content: dict[str, Any]) -> HttpResponse:
    """JSON, compressed for whoever takes it: nothing secret stands in it."""
    zipped = "gzip" in request.headers.get("Accept-Encoding", "")
    body = tree_payload.compressed(content) if zipped else tree_payload.as_json(content)
    response = HttpResponse(body, content_type="application/json")
    if zipped:
        response["Content-Encoding"] = "gzip"
    patch_vary_headers(response, ["Accept-Encoding"])
    return response
