"""A report's page, and what it becomes while runs go."""

import hashlib
import json
from typing import Any

from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import render
from django.template.loader import render_to_string

from webapp.reports.built import Built, build
from webapp.reports.drawing import COLOURS, charts_of
from webapp.reports.exports.svg import legend_of
from webapp.reports.exports.tables import result_lines
from webapp.reports.grid import axis_labels, first_drawn, grid_rows
from webapp.reports.views.common import BANDS, chosen_axis, get_report, may_delete
from webapp.reports.wording import AXIS_TITLES
from webapp.runs.models import Run
from webapp.runs.views.detail import STEP_PLACE

PARTS = ("state", "answers", "grid", "results", "runs", "actions")
"""Pieces of the page that change while runs go; each has a template ``reports/detail_<name>.html``."""


def detail(request: HttpRequest, slug: str) -> HttpResponse:
    """``x`` is the axis, ``band`` what is shaded, ``hide`` the arms that are not drawn."""
    built = build(get_report(slug))
    context = _context(request, built)
    band = request.GET.get("band", "")
    drawn = first_drawn(built, COLOURS)
    context |= {
        "nav": "reports",
        "many": len(built.definition.arms) > COLOURS,
        "first_drawn": len(drawn),
        "first_hidden": ",".join(arm.slug for arm in built.definition.arms if arm.slug not in drawn),
        "bands": BANDS,
        "band": band if band in BANDS else BANDS[0],
        "step_place": STEP_PLACE,
        "data": {"axis": context["axis"], "digest": _digest(context), "charts": context["charts"]},
    }
    return render(request, "reports/detail.html", context)


def live(request: HttpRequest, slug: str) -> JsonResponse:
    """The page's parts and curves as they are now; little when ``have`` is the digest of what the page shows."""
    built = build(get_report(slug))
    context = _context(request, built)
    digest = _digest(context)
    body: dict[str, Any] = {"digest": digest, "moving": built.is_moving, "axis": context["axis"]}
    if request.GET.get("have") != digest:
        body["charts"] = context["charts"]
        body["parts"] = {
            name: render_to_string(f"reports/detail_{name}.html", context, request=request) for name in PARTS
        }
    return JsonResponse(body)


def _context(request: HttpRequest, built: Built) -> dict[str, Any]:
    axis = chosen_axis(request, built.definition)
    return {
        "built": built,
        "definition": built.definition,
        "known": built.known,
        "axis": axis,
        "axes": [(each, AXIS_TITLES[each]) for each in built.definition.axes],
        "arms": legend_of(built.definition),
        "runs": [cell.run for cell in built.cells if cell.run is not None and cell.counts],
        "grid_axes": axis_labels(built),
        "grid_rows": grid_rows(built),
        "lines": result_lines(built.results),
        "charts": [chart.as_json() for chart in charts_of(built.evidence, axis)],
        "to_launch": len(built.missing) + len(built.resumable),
        "may_delete": may_delete(request, built.known),
    }


def _digest(context: dict[str, Any]) -> str:
    """Of all that can change: figures, states and steps."""
    runs: list[Run] = context["runs"]
    what = [context["charts"], [(run.pk, run.status, run.step, run.name) for run in runs], context["to_launch"]]
    return hashlib.sha256(json.dumps(what).encode()).hexdigest()[:16]
