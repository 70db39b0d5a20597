"""Pages of problem sets and their problems."""

from django.contrib import messages
from django.db.models import QuerySet
from django.http import FileResponse, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.views.decorators.http import require_GET

from webapp.accounts.models import Role
from webapp.accounts.permissions import role_required
from webapp.core.paging import keyset_page
from webapp.datasets import services, usage
from webapp.datasets.forms import ProblemSetForm
from webapp.datasets.models import Import, ImportState, Problem, ProblemSet
from webapp.datasets.trajectories import LEVELS

SPLITS = {"train": "Train", "heldout": "Held out"}


@require_GET
def problem_set_list(request: HttpRequest) -> HttpResponse:
    sets = ProblemSet.objects.select_related("created_by").defer("mapping", "report")
    page = keyset_page(sets, by="created_at", descending=True, cursor=request.GET.get("after", ""))
    unfinished = Import.objects.exclude(state=ImportState.DONE).select_related("created_by")[:20]
    return render(
        request, "datasets/list.html", {"page": page, "unfinished": unfinished, "levels": LEVELS, "nav": "datasets"}
    )


@require_GET
def problem_set_detail(request: HttpRequest, slug: str) -> HttpResponse:
    problem_set = get_object_or_404(ProblemSet.objects.select_related("created_by", "import_record"), slug=slug)
    problems = _filtered(problem_set, request)
    page = keyset_page(problems, by="number", descending=False, cursor=request.GET.get("after", ""))
    context = {"set": problem_set, "page": page, "splits": SPLITS, "uses": usage.uses_of(slug)[:10], "nav": "datasets"}
    return render(request, "datasets/detail.html", context)


def _filtered(problem_set: ProblemSet, request: HttpRequest) -> QuerySet[Problem]:
    problems = Problem.objects.filter(problem_set=problem_set).defer("solution", "turns")
    if (split := request.GET.get("split")) in SPLITS:
        problems = problems.filter(split=split)
    if text := request.GET.get("q", "").replace("\x00", "").strip():
        problems = problems.filter(prompt__icontains=text)
    return problems


@require_GET
def problem_detail(request: HttpRequest, slug: str, number: int) -> HttpResponse:
    problem = get_object_or_404(Problem.objects.select_related("problem_set"), problem_set__slug=slug, number=number)
    total = problem.problem_set.train_count + problem.problem_set.heldout_count
    context = {
        "set": problem.problem_set,
        "problem": problem,
        "split": SPLITS.get(problem.split, problem.split),
        "previous": number - 1 if number > 1 else None,
        "next": number + 1 if number < total else None,
        "nav": "datasets",
    }
    return render(request, "datasets/problem.html", context)


@role_required(Role.RESEARCHER)
def problem_set_edit(request: HttpRequest, slug: str) -> HttpResponse:
    problem_set = get_object_or_404(ProblemSet, slug=slug)
    form = ProblemSetForm(request.POST or None, instance=problem_set)
    if request.method == "POST" and form.is_valid():
        services.rename_problem_set(problem_set, form.cleaned_data["name"], form.cleaned_data["description"])
        return redirect("datasets:detail", slug)
    return render(request, "datasets/edit.html", {"set": problem_set, "form": form, "nav": "datasets"})


@role_required(Role.RESEARCHER)
def problem_set_delete(request: HttpRequest, slug: str) -> HttpResponse:
    problem_set = get_object_or_404(ProblemSet, slug=slug)
    if request.method == "POST":
        services.delete_problem_set(problem_set)
        messages.success(request, f"{problem_set.name} is deleted.")
        return redirect("datasets:list")
    uses = usage.uses_of(slug)
    context = {"set": problem_set, "uses": uses, "active": [use for use in uses if use.active], "nav": "datasets"}
    return render(request, "datasets/delete.html", context)


@require_GET
def problem_set_download(request: HttpRequest, slug: str) -> FileResponse:
    problem_set = get_object_or_404(ProblemSet, slug=slug)
    path = services.export_problem_set(problem_set)
    return FileResponse(path.open("rb"), as_attachment=True, filename=path.name, content_type="application/jsonl")
