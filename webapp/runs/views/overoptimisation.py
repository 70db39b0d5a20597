"""The page that shows whether a run games its learned reward."""

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils import timezone

from webapp.runs.overoptimisation import last_before_alarm, read_page
from webapp.runs.views.common import get_run
from webapp.runs.views.detail import page_of


def overoptimisation(request: HttpRequest, run_id: int) -> HttpResponse:
    """Proxy, gold and distance on one chart, and the six signs."""
    run = get_run(run_id)
    page = read_page(run)
    context = page_of(run, timezone.now()) | {
        "tab": "overoptimisation",
        "page": page,
        "chart": page.as_json(),
        "good": last_before_alarm(run),
    }
    return render(request, "runs/detail_overoptimisation.html", context)
