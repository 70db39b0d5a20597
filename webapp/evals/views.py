"""Pages of evaluations. Each has its state in its address, and a JSON or CSV twin."""

from typing import Any

from django.core.paginator import Paginator
from django.http import Http404, HttpRequest, HttpResponse, StreamingHttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.views.decorators.http import require_GET

from webapp.core.htmx import is_fragment
from webapp.evals import export, twins
from webapp.evals.comparison import compare, evaluations_named
from webapp.evals.detail_page import SORTS, read_detail
from webapp.evals.drawing import curves_of, draw_bars, draw_best_of_n, draw_curves, draw_history
from webapp.evals.listing import COLUMNS, NEWEST_FIRST, PAGE_SIZE, EvaluationFilter, filtered, ordered, rows_of
from webapp.evals.models import AskedProblem, Evaluation
from webapp.evals.problem_history import read_history
from webapp.evals.tallying import judged_answers
from webapp.inspection.models import RolloutGroup, Split
from webapp.inspection.prompts import prompt_frame
from webapp.inspection.twins import answer, wants_json

MOST_EXPORTED = 5000


@require_GET
def evaluation_list(request: HttpRequest) -> HttpResponseBase:
    chosen, found = filtered(request)
    sort = request.GET.get("sort", NEWEST_FIRST)
    ids = ordered(found, sort).values_list("pk", flat=True)
    if request.GET.get("format") == "csv":
        lines = export.list_lines(rows_of(list(ids[:MOST_EXPORTED])))
        return _file(lines, "evaluations.csv")
    page = Paginator(ids, PAGE_SIZE).get_page(request.GET.get("page"))
    rows = rows_of(list(page))
    if wants_json(request):
        return answer({"evaluations": [export.list_values(row) for row in rows], "pages": page.paginator.num_pages})
    context: dict[str, Any] = {
        "nav": "evals",
        "filter": chosen,
        "page": page,
        "rows": rows,
        "columns": COLUMNS,
        "sort": sort,
        "sets": sorted(Evaluation.objects.order_by().values_list("problem_set", flat=True).distinct()),
        "is_narrowed": any(request.GET.get(name) for name in EvaluationFilter.base_filters),
    }
    return render(request, "evals/list.html", context)


@require_GET
def evaluation_detail(request: HttpRequest, evaluation_id: int) -> HttpResponse:
    """One evaluation; for htmx, only further problems."""
    evaluation = get_evaluation(evaluation_id)
    page = read_detail(evaluation, request.GET)
    if wants_json(request):
        return answer(twins.detail(page))
    context: dict[str, Any] = {"page": page, "evaluation": evaluation, "run": evaluation.run, "nav": "evals"}
    if is_fragment(request) and request.GET.get("after"):
        return render(request, "evals/problem_rows.html", context)
    if page.graded:
        curves = curves_of(page.graded, ", as graded" if page.overridden else "")
        if page.overridden:
            curves += curves_of(page.overridden, ", with overrides")
        context |= {"curve": draw_curves(curves), "bars": draw_bars(page.graded["histogram"])}
        context |= {"best_of_n": draw_best_of_n(page.graded)}
    return render(request, "evals/detail.html", context | {"sorts": SORTS})


@require_GET
def export_problems(request: HttpRequest, evaluation_id: int) -> StreamingHttpResponse:
    """Every problem of an evaluation as CSV."""
    evaluation = get_evaluation(evaluation_id)
    return _file(export.problem_lines(evaluation), f"evaluation-{evaluation.pk}.csv")


@require_GET
def answers(request: HttpRequest, evaluation_id: int, group_id: int) -> HttpResponse:
    """All answers to one problem, each with its verdict and what can be done about it."""
    evaluation = get_evaluation(evaluation_id)
    groups = RolloutGroup.objects.select_related("prompt")
    group = get_object_or_404(groups, pk=group_id, run=evaluation.run, split=Split.HELDOUT)
    rows = list(group.rollouts.order_by("greedy", "index"))
    judged = {each.rollout.pk: each.override for each in judged_answers(evaluation.run)}
    asked = AskedProblem.objects.filter(run=evaluation.run, problem_id=group.prompt.problem_id).first()
    if wants_json(request):
        return answer(twins.answers(group, rows, judged, asked))
    _, problem, _ = prompt_frame(evaluation.run).split(group.prompt.text)
    context = {"evaluation": evaluation, "run": evaluation.run, "group": group, "problem": problem, "asked": asked}
    pairs = [(row, judged.get(row.pk)) for row in rows]
    return render(request, "evals/answers.html", context | {"answers": pairs, "nav": "evals"})


@require_GET
def problem_history(request: HttpRequest, key: str) -> HttpResponse:
    history = read_history(key)
    if history is None:
        raise Http404("no evaluation has asked this problem")
    if wants_json(request):
        return answer(twins.history(history))
    kinds = {False: "independent samples", True: "oracle search"}
    chart = draw_history([(kinds[each.evaluation.searches], each.share) for each in history.asked])
    return render(request, "evals/problem.html", {"history": history, "chart": chart, "nav": "evals"})


@require_GET
def compare_evaluations(request: HttpRequest) -> HttpResponse:
    """Two or more, named by ``ids``; a form of ticked boxes sends one ``ids`` each and gets the short address."""
    asked = request.GET.getlist("ids")
    found = evaluations_named(asked)
    if len(asked) > 1:
        # The list shows the newest first; what came of a model is held against what it was.
        return redirect(f"{reverse('evals:compare')}?ids={','.join(map(str, sorted(each.pk for each in found)))}")
    comparison = compare(found)
    if wants_json(request):
        return answer(twins.comparison(comparison))
    curves = [
        (f"{side.evaluation}{', oracle search' * side.evaluation.searches}", side.figures["curve"])
        for side in comparison.sides
        if side.figures
    ]
    context = {"comparison": comparison, "curve": draw_curves(curves), "nav": "evals"}
    return render(request, "evals/compare.html", context)


def get_evaluation(evaluation_id: int) -> Evaluation:
    """The evaluation with its run, or a page that says there is none."""
    rows = Evaluation.objects.select_related("run", "source_run").defer("source_run__config", "source_run__latest")
    return get_object_or_404(rows, pk=evaluation_id)


def _file(lines: Any, name: str) -> StreamingHttpResponse:
    response = StreamingHttpResponse(lines, content_type="text/csv; charset=utf-8")
    response["Content-Disposition"] = f'attachment; filename="{name}"'
    return response
