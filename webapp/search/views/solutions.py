"""Verified solutions of all runs."""

from django.http import HttpRequest, HttpResponse


def solution_list(request: HttpRequest) -> HttpResponse:
    """Not there yet."""
    return HttpResponse(status=404)
