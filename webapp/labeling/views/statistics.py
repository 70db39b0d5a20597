"""What the pages of a project's statistics share: figures that are in store or have to be computed."""

from dataclasses import dataclass
from typing import Any

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render

from webapp.core.htmx import is_fragment
from webapp.inspection.twins import answer, wants_json
from webapp.labeling.computed import Compute, Kind, computed, is_fresh, kept, label_state
from webapp.labeling.models import LabelProject, LabelStatistics


@dataclass(frozen=True, slots=True)
class Shown:
    """Figures, if there are any to show at once, and whether labels have come since."""

    found: LabelStatistics | None
    is_current: bool


def figures_of(request: HttpRequest, project: LabelProject, kind: Kind, compute: Compute) -> Shown:
    """What is in store; it is computed where a fragment, JSON or ``now`` asks for it, never while a whole page waits.

    ``again`` asks for figures of the latest labels also where older ones would do.
    """
    again = "again" in request.GET
    if is_fragment(request) or wants_json(request) or "now" in request.GET:
        made = computed(project, kind, compute, again=again)
        return Shown(made, made.state == label_state(project, kind))
    found, state = kept(project, kind), label_state(project, kind)
    if found is None or not is_fresh(found, state):
        return Shown(None, False)
    return Shown(found, found.state == state)


def respond(
    request: HttpRequest, template: str, project: LabelProject, shown: Shown, context: dict[str, Any]
) -> HttpResponse:
    """The page ``template``.html, its part ``template``_figures.html for htmx, or JSON."""
    if wants_json(request) and shown.found:
        return answer(shown.found.content | {"computed_at": shown.found.computed_at.isoformat()})
    whole = {"project": project, "shown": shown, "nav": "label"} | context
    return render(request, f"{template}_figures.html" if is_fragment(request) else f"{template}.html", whole)
