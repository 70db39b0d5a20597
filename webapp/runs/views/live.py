"""What a run's page asks every second or two: figures newer than it has, and the parts of the page that changed."""

import hashlib
from typing import Any

from django.http import HttpRequest, JsonResponse
from django.template.loader import render_to_string
from django.utils import timezone

from webapp.runs import series
from webapp.runs.models import MetricSeries, Run
from webapp.runs.series import MOST_POINTS
from webapp.runs.views.common import get_run, number
from webapp.runs.views.curves import axes_json, chosen_axis, cursor_of, metric_names, read_curves
from webapp.runs.views.detail import charts_version, page_of

PARTS = {
    "header": "runs/detail_header.html",
    "actions": "runs/detail_actions.html",
    "notices": "runs/detail_notices.html",
    "stopping": "runs/detail_stopping.html",
    "resuming": "runs/detail_resuming.html",
}
"""Parts of the page that change while a run goes on, and the template of each."""


def live(request: HttpRequest, run_id: int) -> JsonResponse:
    """``cursor`` says what the page has; ``have`` the digests of its parts. Only what is newer comes back.

    ``stale`` means that the page must read its curves anew: rows were taken back, or there are too many now.
    """
    run = get_run(run_id)
    body: dict[str, Any] = {
        "cursor": cursor_of(run),
        "terminal": run.state.is_terminal,
        "version": charts_version(MetricSeries.objects.filter(run=run).count(), run.alerts.count()),
        "parts": _changed_parts(request, run),
    }
    names = metric_names(request)
    if names:
        body |= _newer(request, run, names)
    return JsonResponse(body)


def _newer(request: HttpRequest, run: Run, names: list[str]) -> dict[str, Any]:
    """Points from the cursor's step on. That step itself comes again: its held-out figures may be newer."""
    rewinds, _, step = request.GET.get("cursor", "").partition(".")
    level = number(request, "level", 0)
    most = min(number(request, "points", 1000), MOST_POINTS)
    if rewinds != str(run.rewinds) or not step.isdecimal() or level < series.level_for(0, run.step, most):
        return {"stale": True}
    curves = read_curves([run], names, level, int(step)).get(str(run.pk), {})
    return {
        "curves": {name: curve.as_json() for name, curve in curves.items()},
        "axis": axes_json([run], chosen_axis(request), level),
    }


def _changed_parts(request: HttpRequest, run: Run) -> dict[str, dict[str, str]]:
    """HTML and digest of each part whose digest the page does not have."""
    have = request.GET.get("have", "").split(",")
    context = page_of(run, timezone.now())
    parts = {name: render_to_string(template, context, request) for name, template in PARTS.items()}
    digests = {name: hashlib.sha256(html.encode()).hexdigest()[:12] for name, html in parts.items()}
    return {name: {"html": parts[name], "digest": digests[name]} for name in parts if digests[name] not in have}
