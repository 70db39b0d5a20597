"""The verifier bench: paste a response and an answer, see what was extracted and why it passed or failed."""

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.utils.http import urlencode
from django.views.decorators.http import require_http_methods

from webapp.core.htmx import is_fragment
from webapp.datasets.forms import VerifierForm
from webapp.datasets.models import Problem
from webapp.datasets.verifier import verify

MAX_LINK_CHARS = 1500


@require_http_methods(["GET", "POST"])
def verifier(request: HttpRequest) -> HttpResponse:
    """A GET with ``response`` judges too, so that a short case has an address; ``problem=<slug>/<number>`` fills in."""
    problem = _problem(request.GET.get("problem", ""))
    given = request.POST or (request.GET if "response" in request.GET else None)
    form = VerifierForm(given, initial={"answer": problem.answer if problem else ""})
    context: dict[str, object] = {"form": form, "problem": problem, "nav": "verifier"}
    if given is not None and form.is_valid():
        response, answer = form.cleaned_data["response"], form.cleaned_data["answer"]
        context |= {"checked": verify(response, answer), "link": _link(request, response, answer)}
    if is_fragment(request):
        return render(request, "datasets/verifier.html#verdict", context)
    return render(request, "datasets/verifier.html", context, status=422 if form.errors else 200)


def _problem(place: str) -> Problem | None:
    slug, _, number = place.rpartition("/")
    if not number.isascii() or not number.isdigit() or len(number) > 9:
        return None
    return Problem.objects.select_related("problem_set").filter(problem_set__slug=slug, number=int(number)).first()


def _link(request: HttpRequest, response: str, answer: str) -> str:
    """The address of this very case, where it is short enough for one."""
    query = {"response": response, "answer": answer}
    if place := request.GET.get("problem"):
        query["problem"] = place
    address = f"{reverse('datasets:verifier')}?{urlencode(query)}"
    return address if len(address) <= MAX_LINK_CHARS else ""
