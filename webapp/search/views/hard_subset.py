"""Which problems a run trains on, phase by phase."""

from typing import Any

from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, render
from django.views.decorators.http import require_GET

from webapp.core.htmx import is_fragment
from webapp.inspection import twins
from webapp.runs.models import Run
from webapp.search.hard_subset import SubsetPage, read_subset
from webapp.search.pass_rates import draw_pass_rates, spread_of
from webapp.search.phases import CHANGES


@require_GET
def hard_subset(request: HttpRequest, run_id: int) -> HttpResponse:
    """A phase and its problems; for htmx, only further problems."""
    run = get_object_or_404(Run, pk=run_id)
    page = read_subset(run, request.GET)
    if twins.wants_json(request):
        return twins.answer(_twin(page))
    context: dict[str, Any] = {"run": run, "page": page, "nav": "runs"}
    if is_fragment(request):
        return render(request, "search/hard_subset_rows.html", context)
    if page.phase is not None:
        rule = page.rule.is_hard if page.rule else lambda right, samples: False
        context["slots"] = draw_pass_rates(page.phase.row, page.phase.before, rule)
        context["tabs"] = [(key, title, sign, page.phase.counts[key]) for key, (title, sign) in CHANGES.items()]
    return render(request, "search/hard_subset.html", context)


def _twin(page: SubsetPage) -> dict[str, Any]:
    phase = page.phase
    return {
        "run": page.run.pk,
        "rule": page.rule.config.model_dump(mode="json") if page.rule else None,
        "phases": [
            {"phase": row.phase, "step": row.step, "samples": row.samples, "tokens": row.tokens}
            | {name: getattr(row, name) for name in ("looked_at", "hard", "in_cache")}
            for row in page.phases
        ],
        "phase": None
        if phase is None
        else {
            "phase": phase.row.phase,
            "step": phase.row.step,
            "counts": phase.counts,
            "pass_rates": spread_of(phase.row),
            "pass_rates_before": spread_of(phase.before) if phase.before else None,
        },
        "found": page.found,
        "problems": [line.problem._asdict() | {"text": line.text, "trees": line.trees} for line in page.lines],
        "next": page.following,
    }
