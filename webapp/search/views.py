"""Pages of searches. Placeholders until the viewers stand."""

from django.http import HttpRequest, HttpResponse


def tree_detail(request: HttpRequest, tree_id: int) -> HttpResponse:
    return HttpResponse(status=404)


def tree_list(request: HttpRequest, run_id: int) -> HttpResponse:
    return HttpResponse(status=404)


def live_trees(request: HttpRequest, run_id: int) -> HttpResponse:
    return HttpResponse(status=404)


def hard_subset(request: HttpRequest, run_id: int) -> HttpResponse:
    return HttpResponse(status=404)


def solution_list(request: HttpRequest) -> HttpResponse:
    return HttpResponse(status=404)
