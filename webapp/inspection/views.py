"""Pages of what a run produced: rollouts, steps, groups, single responses. Each has a JSON twin."""

from functools import partial
from typing import Any
from urllib.parse import urlencode

from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect, StreamingHttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import get_object_or_404, render
from django.urls import reverse
from django.views.decorators.http import require_GET

from webapp.core.errors import UserError
from webapp.core.htmx import is_fragment
from webapp.inspection import export, figures, twins
from webapp.inspection.comparison import read_comparison, rollout_pair
from webapp.inspection.group_page import read_group
from webapp.inspection.histogram import Bar
from webapp.inspection.listing import SORTS as ROLLOUT_SORTS
from webapp.inspection.listing import UNTRAINED, filtered, read_listing, sort_of, sortable
from webapp.inspection.models import RolloutGroup, Split
from webapp.inspection.phrases import read_phrases
from webapp.inspection.rollout_page import read_rollout
from webapp.inspection.step_page import SORTS as GROUP_SORTS
from webapp.inspection.step_page import StepPage, find_steps, read_step
from webapp.inspection.why import explain
from webapp.runs.models import Run


@require_GET
def rollout_list(request: HttpRequest, run_id: int) -> HttpResponse:
    """The list; for htmx, only further rows."""
    run = get_object_or_404(Run, pk=run_id)
    listing = read_listing(run, request.GET)
    if twins.wants_json(request):
        return twins.answer(twins.listing(listing))
    template = "inspection/rollout_rows.html" if is_fragment(request) else "inspection/rollouts.html"
    return render(request, template, {"listing": listing, "run": run, "sorts": ROLLOUT_SORTS, "nav": "runs"})


@require_GET
def export_rollouts(request: HttpRequest, run_id: int, kind: str) -> HttpResponseBase:
    """All rows of the list as CSV or JSON lines."""
    run = get_object_or_404(Run, pk=run_id)
    if kind not in export.CONTENT_TYPES:
        raise Http404(kind)
    chosen, sort = filtered(run, request.GET), sort_of(request.GET)
    if not chosen.is_valid():
        raise UserError("The filters of this list hold a mistake. Mend it in the list, then export.")
    rows = sortable(chosen.qs, sort).order_by(sort, "-id" if sort.startswith("-") else "id")
    response = StreamingHttpResponse(export.lines(rows, kind), content_type=export.CONTENT_TYPES[kind])
    response["Content-Disposition"] = f'attachment; filename="run-{run.pk}-rollouts.{kind}"'
    return response


@require_GET
def phrases(request: HttpRequest, run_id: int) -> HttpResponse:
    """What the most uncertain tokens of a run's responses stand in, as a fragment of the page of its reasoning."""
    run = get_object_or_404(Run, pk=run_id)
    return render(request, "inspection/phrases.html", {"run": run, "readings": read_phrases(run)})


@require_GET
def step_detail(request: HttpRequest, run_id: int, step: int) -> HttpResponse:
    """What lay behind a point of a chart; for htmx, as a fragment for a drawer."""
    run = get_object_or_404(Run, pk=run_id)
    split = _split(request, run)
    steps = find_steps(run, split, step)
    context: dict[str, Any] = {"run": run, "split": split, "splits": Split, "asked": step, "nav": "runs"}
    template = "inspection/step_panel.html" if is_fragment(request) else "inspection/step.html"
    if steps is None:
        nothing = {"run": run.pk, "split": split.value, "asked_step": step, "step": None, "groups": []}
        return twins.answer(nothing) if twins.wants_json(request) else render(request, template, context)
    page = read_step(run, split, steps, request.GET.get("sort", ""), request.GET.get("after", ""))
    if twins.wants_json(request):
        return twins.answer(twins.step(page))
    bars = figures.draw_histogram(page.summary.bars, partial(_bar_address, page))
    return render(request, template, context | {"page": page, "bars": bars, "sorts": GROUP_SORTS})


@require_GET
def group_detail(request: HttpRequest, group_id: int) -> HttpResponse:
    group = get_object_or_404(RolloutGroup.objects.select_related("run", "prompt"), pk=group_id)
    page = read_group(group, request.GET.get("sort", ""))
    if twins.wants_json(request):
        return twins.answer(twins.group(page))
    history = figures.draw_history(page.history, group.pk, lambda pk: reverse("inspection:group", args=[pk]))
    context = {"page": page, "group": group, "run": group.run, "history": history, "sorts": page.sorts}
    return render(request, "inspection/group.html", context | {"nav": "runs"})


@require_GET
def rollout_detail(request: HttpRequest, rollout_id: int) -> HttpResponse:
    page = read_rollout(rollout_id)
    if twins.wants_json(request):
        return twins.answer(twins.rollout(page))
    keys = [scale.key for scale in page.strip.scales] if page.strip else []
    chosen = request.GET.get("by", "")
    context = {"page": page, "by": chosen if chosen in keys else next(iter(keys), ""), "nav": "runs"}
    return render(request, "inspection/rollout.html", context | {"rollout": page.rollout, "run": page.rollout.run})


@require_GET
def token_why(request: HttpRequest, rollout_id: int, token: int) -> HttpResponse:
    """Why one token was reinforced, as a fragment."""
    page = read_rollout(rollout_id)
    why = explain(page, token)
    if why is None:
        raise Http404("no such token")
    return render(request, "inspection/why.html", {"page": page, "why": why})


@require_GET
def compare_rollouts(request: HttpRequest) -> HttpResponse:
    """Two responses, named by ``a`` and ``b``; a form of ticked boxes sends two ``pick`` instead."""
    picked = request.GET.getlist("pick")
    if picked:
        if len(picked) != 2:
            raise UserError(f"Two responses can be compared; {len(picked)} are ticked.")
        a, b = rollout_pair(*picked)
        return HttpResponseRedirect(f"{request.path}?{urlencode({'a': a, 'b': b})}")
    a, b = rollout_pair(request.GET.get("a", ""), request.GET.get("b", ""))
    page = read_comparison(a, b, request.GET.get("by", ""))
    if twins.wants_json(request):
        return twins.answer(twins.comparison(page))
    return render(request, "inspection/compare.html", {"page": page, "nav": "runs"})


def _split(request: HttpRequest, run: Run) -> Split:
    """The split an address asks for; runs without sampled training have held-out rollouts alone."""
    asked = request.GET.get("split", "")
    if asked in Split:
        return Split(asked)
    return Split.HELDOUT if run.method in UNTRAINED else Split.TRAIN


def _bar_address(page: StepPage, bar: Bar) -> str:
    """The list of the rollouts that a bar counts."""
    step = page.steps.shown
    asked = {"split": page.split, "step_min": step, "step_max": step, "reward_min": bar.least, "reward_max": bar.most}
    return f"{reverse('inspection:rollouts', args=[page.run.pk])}?{urlencode(asked)}"
