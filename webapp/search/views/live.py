"""Trees of the step under way."""

from django.http import HttpRequest, HttpResponse


def live_trees(request: HttpRequest, run_id: int) -> HttpResponse:
    """Not there yet."""
    return HttpResponse(status=404)
