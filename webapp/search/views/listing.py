"""The trees of a run, as a list."""

from django.http import HttpRequest, HttpResponse


def tree_list(request: HttpRequest, run_id: int) -> HttpResponse:
    """Not there yet."""
    return HttpResponse(status=404)
