"""What can be done to reports: make one of runs, launch what is missing, add seeds, stop, delete."""

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_POST

from webapp.accounts.models import Role
from webapp.accounts.permissions import role_required, user_of
from webapp.core.errors import UserError
from webapp.reports import services
from webapp.reports.selection import MOST_RUNS, Choice, guessed
from webapp.reports.sweeps.reading import read_seeds
from webapp.reports.sweeps.services import add_seeds
from webapp.reports.views.common import get_report
from webapp.runs.models import Run, StopRequest
from webapp.runs.views.common import how_to_stop, run_numbers


@role_required(Role.RESEARCHER)
def new(request: HttpRequest) -> HttpResponse:
    """The form for a report of ``runs``, with arms guessed from groups and names; a POST makes it."""
    given = request.POST if request.method == "POST" else request.GET
    numbers = run_numbers(",".join(given.getlist("runs")))
    if len(numbers) > MOST_RUNS:
        raise UserError(f"A report is made of {MOST_RUNS} runs at most; here are {len(numbers)}.")
    found = Run.objects.in_bulk(numbers)
    runs = [found[number] for number in sorted(found)]  # the oldest is the likeliest baseline
    choices, problem = guessed(runs), ""
    if request.method == "POST":
        choices = [Choice(run, request.POST.get(f"arm-{run.pk}", "")) for run in runs]
        kept = [choice for choice in choices if request.POST.get(f"with-{choice.run.pk}")]
        try:
            report = services.make_report(
                request.POST.get("title", ""), request.POST.get("question", "")[:2000], kept,
                request.POST.get("baseline", ""), user_of(request),
            )  # fmt: skip
        except UserError as error:
            problem = error.message
        else:
            return redirect("reports:detail", report.slug)
    context = {"nav": "reports", "choices": choices, "problem": problem, "given": request.POST}
    return render(request, "reports/new.html", context, status=400 if problem else 200)


@require_POST
@role_required(Role.RESEARCHER)
def launch(request: HttpRequest, slug: str) -> HttpResponse:
    """Start every run the report lacks, and resume those that ended early."""
    launched = services.launch_missing(get_report(slug), user_of(request))
    started, resumed = len(launched.started), len(launched.resumed)
    if not started and not resumed:
        messages.success(request, "Nothing is missing.")
    else:
        parts = [f"{started} {'run is' if started == 1 else 'runs are'} queued" if started else "",
                 f"{resumed} {'goes' if resumed == 1 else 'go'} on" if resumed else ""]  # fmt: skip
        messages.success(request, f"{', '.join(filter(None, parts))}. This page follows them.")
    return redirect("reports:detail", slug)


@require_POST
@role_required(Role.RESEARCHER)
def stop(request: HttpRequest, slug: str) -> HttpResponse:
    """Every run of the report that goes or waits; ``how`` is ``save`` or ``now``."""
    how = how_to_stop(request)
    count = services.stop_runs(get_report(slug), how)
    runs = f"{count} run{'' if count == 1 else 's'}"
    kept = "save after their step" if how == StopRequest.SAVE else "end now"
    words = f"{runs} asked to stop: those that go {kept}, those that wait do not begin." if count else "Nothing goes."
    messages.success(request, words)
    return redirect("reports:detail", slug)


@require_POST
@role_required(Role.RESEARCHER)
def seeds(request: HttpRequest, slug: str) -> HttpResponse:
    """Every arm with further seeds."""
    launched = add_seeds(get_report(slug), read_seeds(request.POST.get("seeds", "")), user_of(request))
    count = len(launched.started)
    messages.success(request, f"{count} {'run is' if count == 1 else 'runs are'} queued. This page follows them.")
    return redirect("reports:detail", slug)


@require_POST
@role_required(Role.RESEARCHER)
def delete(request: HttpRequest, slug: str) -> HttpResponse:
    """The report goes, its runs stay."""
    known = get_report(slug)
    if known.report is None or known.shipped:
        raise UserError("This report comes with Espalier and stays.")
    services.delete_report(known.report, user_of(request))
    messages.success(request, f"The report {known.definition.title} is deleted; its runs are not.")
    return redirect("reports:list")
