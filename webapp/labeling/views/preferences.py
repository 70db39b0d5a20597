"""How well a run that learns from rankings predicts the labels it never saw."""

from typing import Any

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils import timezone
from django.views.decorators.http import require_GET

from webapp.core.errors import UserError
from webapp.inspection import twins
from webapp.labeling.preference_page import SIZE, PreferencesPage, read_preferences
from webapp.runs.views.common import get_run
from webapp.runs.views.detail import page_of

METHODS = frozenset({"reward_model", "dpo"})


@require_GET
def run_preferences(request: HttpRequest, run_id: int) -> HttpResponse:
    """One evaluation, the newest or that of ``step``."""
    run = get_run(run_id)
    if run.method not in METHODS:
        raise UserError(f"Run {run.pk} does not learn from rankings, so it predicts none.", status=404)
    page = read_preferences(run, request.GET)
    if twins.wants_json(request):
        return twins.answer(_twin(page))
    context = page_of(run, timezone.now()) | {"tab": "preferences", "page": page, "size": SIZE}
    return render(request, "labeling/preferences.html", context)


def _twin(page: PreferencesPage) -> dict[str, Any]:
    used = page.used
    return {
        "run": page.run.pk,
        "steps": page.steps,
        "step": page.step,
        "labels": None if used is None else {"count": used.labels, "sha256": used.digest},
        "report": page.report or None,
    }
