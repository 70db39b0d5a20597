"""Which problems a run trains on, phase by phase."""

from django.http import HttpRequest, HttpResponse


def hard_subset(request: HttpRequest, run_id: int) -> HttpResponse:
    """Not there yet."""
    return HttpResponse(status=404)
