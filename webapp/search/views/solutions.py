"""Pages of verified solutions: by problem, of one problem, single ones, two beside each other. Each has a JSON twin."""

from urllib.parse import urlencode

from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect, StreamingHttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import get_object_or_404, render
from django.views.decorators.http import require_GET

from training.rewards import VERIFIER_VERSION
from webapp.core.errors import UserError
from webapp.core.htmx import is_fragment
from webapp.inspection.export import CONTENT_TYPES, lines
from webapp.inspection.twins import answer, wants_json
from webapp.runs.models import Run
from webapp.search import reuse, solutions_twins
from webapp.search.checks import SolutionCheck
from webapp.search.solutions import latest_check, of_older_versions
from webapp.search.solutions_export import COLUMNS, TAKES, in_order, sft_lines, taken
from webapp.search.solutions_filters import chosen_rows
from webapp.search.solutions_listing import SORTS, Listing, read_listing
from webapp.search.solutions_page import SORTS as CARD_SORTS
from webapp.search.solutions_page import read_problem, read_solution, read_two


@require_GET
def solution_list(request: HttpRequest) -> HttpResponse:
    """Problems with verified solutions; for htmx, only further rows."""
    listing = read_listing(request.GET)
    if wants_json(request):
        return answer(solutions_twins.listing(listing))
    context = {"listing": listing, "version": VERIFIER_VERSION, "nav": "solutions"}
    if is_fragment(request):
        return render(request, "search/solutions_rows.html", context)
    older = {"older": of_older_versions().count(), "check": latest_check(), "of_run": _run_of(listing)}
    return render(request, "search/solutions.html", context | older | {"sorts": SORTS, "takes": TAKES})


@require_GET
def solutions_of_problem(request: HttpRequest, problem: str) -> HttpResponse:
    """All distinct solutions of one problem side by side; for htmx, only further ones."""
    page = read_problem(problem, request.GET)
    if wants_json(request):
        return answer(solutions_twins.problem(page))
    template = "search/solutions_cards.html" if is_fragment(request) else "search/solutions_problem.html"
    context = {"page": page, "sorts": CARD_SORTS, "version": VERIFIER_VERSION, "nav": "solutions"}
    return render(request, template, context)


@require_GET
def solution_detail(request: HttpRequest, solution_id: int) -> HttpResponse:
    page = read_solution(solution_id)
    if wants_json(request):
        return answer(solutions_twins.solution(page))
    return render(request, "search/solution.html", {"page": page, "solution": page.solution, "nav": "solutions"})


@require_GET
def compare_solutions(request: HttpRequest) -> HttpResponse:
    """Two solutions, named by ``a`` and ``b``; a form of ticked boxes sends two ``pick`` instead."""
    picked = request.GET.getlist("pick")
    if picked:
        if len(picked) != 2:
            raise UserError(f"Two solutions can be compared; {len(picked)} are ticked.")
        return HttpResponseRedirect(f"{request.path}?{urlencode({'a': picked[0], 'b': picked[1]})}")
    page = read_two(request.GET.get("a", ""), request.GET.get("b", ""))
    if wants_json(request):
        return answer(solutions_twins.two(page))
    return render(request, "search/solutions_compare.html", {"page": page, "nav": "solutions"})


@require_GET
def export_solutions(request: HttpRequest, kind: str) -> HttpResponseBase:
    """All solutions that the list's filters let through, as CSV or JSON lines, or as a set to fine-tune on."""
    if kind not in (*CONTENT_TYPES, "sft"):
        raise Http404(kind)
    rows = chosen_rows(request.GET)
    if kind == "sft":
        made, kind, name = sft_lines(taken(rows, request.GET.get("take", "all"))), "jsonl", "solutions-sft"
    else:
        made, name = lines(in_order(rows), kind, COLUMNS), "solutions"
    response = StreamingHttpResponse(made, content_type=CONTENT_TYPES[kind])
    response["Content-Disposition"] = f'attachment; filename="{name}.{kind}"'
    return response


@require_GET
def check_progress(request: HttpRequest, check_id: int) -> HttpResponse:
    """How far a check is, as a fragment that asks again while it is under way."""
    check = get_object_or_404(SolutionCheck, pk=check_id)
    if wants_json(request):
        return answer(solutions_twins.check(check))
    return render(request, "search/solutions_check.html", {"check": check})


@require_GET
def run_panel(request: HttpRequest, run_id: int) -> HttpResponse:
    """What a run has of the cache, as a fragment of its page."""
    run = get_object_or_404(Run, pk=run_id)
    return render(request, "search/solutions_run.html", {"run": run, "reuse": reuse.of_run(run)})


def _run_of(listing: Listing) -> Run | None:
    """The run that the list is narrowed to."""
    chosen = listing.filter.data.get("run", "")
    return Run.objects.only("name").filter(pk=int(chosen)).first() if chosen.isdecimal() and len(chosen) < 10 else None
