"""The page, and the part of it that is polled."""

from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import render
from django.views.decorators.http import require_GET

from webapp.runs.workers.page import read_page


@require_GET
def page(request: HttpRequest) -> HttpResponse:
    """Everything; with ``format=json`` for scripts."""
    shown = read_page()
    if request.GET.get("format") == "json":
        return JsonResponse(shown.as_json())
    return render(request, "machines/page.html", {"page": shown, "nav": "workers"})


@require_GET
def status(request: HttpRequest) -> HttpResponse:
    """The polled part."""
    return render(request, "machines/status.html", {"page": read_page()})
