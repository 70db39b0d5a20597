"""What researchers do to verified solutions: invalidate, reinstate, judge again, make a problem set."""

from django import forms
from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.views.decorators.http import require_POST

from webapp.accounts.models import Role
from webapp.accounts.permissions import role_required, user_of
from webapp.core.errors import UserError
from webapp.runs.views.common import back
from webapp.search import solutions
from webapp.search.models import VerifiedSolution
from webapp.search.solutions_export import make_problem_set, taken
from webapp.search.solutions_filters import chosen_rows


class SetForm(forms.Form):
    """What a problem set is made with; the solutions themselves are named by the list's address."""

    name = forms.CharField(max_length=120)
    take = forms.CharField(max_length=20)
    heldout = forms.FloatField(min_value=0, max_value=90)
    """Percent."""


@require_POST
@role_required(Role.RESEARCHER)
def invalidate(request: HttpRequest, solution_id: int) -> HttpResponse:
    solution = get_object_or_404(VerifiedSolution.objects.only("pk"), pk=solution_id)
    solutions.invalidate(solution, request.POST.get("reason", ""), user_of(request))
    messages.success(
        request, "Invalidated. Runs under way drop it within seconds; the next search of this problem runs in full "
        "again where no other solution of it is valid.",
    )  # fmt: skip
    return back(request, "search:solution", solution_id)


@require_POST
@role_required(Role.RESEARCHER)
def reinstate(request: HttpRequest, solution_id: int) -> HttpResponse:
    solution = get_object_or_404(VerifiedSolution.objects.only("pk"), pk=solution_id)
    solutions.reinstate(solution)
    messages.success(request, "Reinstated: it counts again, also in runs that are under way.")
    return back(request, "search:solution", solution_id)


@require_POST
@role_required(Role.RESEARCHER)
def check_solution(request: HttpRequest, solution_id: int) -> HttpResponse:
    solution = get_object_or_404(VerifiedSolution.objects.only("pk"), pk=solution_id)
    solutions.ask_for_check(user_of(request), solution=solution)
    return redirect("search:solution", solution_id)


@require_POST
@role_required(Role.RESEARCHER)
def check_problem(request: HttpRequest, problem: str) -> HttpResponse:
    solutions.ask_for_check(user_of(request), problem=problem)
    return redirect("search:problem_solutions", problem)


@require_POST
@role_required(Role.RESEARCHER)
def check_older(request: HttpRequest) -> HttpResponse:
    """Judge all solutions of older versions of the verifier again."""
    solutions.ask_for_check(user_of(request))
    return redirect("search:solutions")


@require_POST
@role_required(Role.RESEARCHER)
def make_set(request: HttpRequest) -> HttpResponse:
    """A problem set of the solutions that the address's filters let through."""
    form = SetForm(request.POST)
    if not form.is_valid():
        raise UserError("A set needs a name, and a share between 0 and 90 % to hold out.")
    asked = form.cleaned_data
    rows = taken(chosen_rows(request.GET), asked["take"])
    narrowed = ", ".join(f"{name} {value}" for name, value in request.GET.items() if value)
    description = f"Verified solutions as worked solutions{f' ({narrowed})' if narrowed else ''}."
    made = make_problem_set(rows, asked["name"], asked["heldout"] / 100, user_of(request), description)
    messages.success(request, "The set is made. Configure a run on it, and choose supervised fine-tuning.")
    return redirect("datasets:detail", made.slug)
