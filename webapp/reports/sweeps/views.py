"""What the dialog "Several runs" asks for, and the page that repeats a run with other seeds."""

import uuid
from dataclasses import dataclass
from typing import Any

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.views.decorators.http import require_http_methods, require_POST
from django_htmx.http import HttpResponseClientRedirect

from training.config import RunConfig
from webapp.accounts.models import Role
from webapp.accounts.permissions import role_required, user_of
from webapp.core.errors import UserError
from webapp.reports.models import Report
from webapp.reports.sweeps import services
from webapp.reports.sweeps.duration import estimate
from webapp.reports.sweeps.forms import SweepForm
from webapp.reports.sweeps.plan import SweepPlan, own_value, plan_sweep
from webapp.reports.sweeps.reading import read_seeds
from webapp.runs.configure.forms import checked_form
from webapp.runs.configure.words import shown
from webapp.runs.views.common import get_run

BROKER_AWAY = 503
SEEDS = "0-2"


@dataclass(frozen=True, slots=True)
class Asked:
    """What was sent, and the plan it makes; or why it makes none."""

    form: SweepForm
    plan: SweepPlan[RunConfig] | None
    problem: str = ""


@require_POST
@role_required(Role.RESEARCHER)
def plan(request: HttpRequest) -> HttpResponse:
    """What the form would start, as it is now."""
    return _show(request, _asked(request))


@require_POST
@role_required(Role.RESEARCHER)
def start(request: HttpRequest) -> HttpResponse:
    """Start all of it and go to its report; or say why not, in the dialog."""
    asked = _asked(request)
    if asked.plan is None:
        return _show(request, asked)
    given = asked.form.cleaned_data
    if given["agreed"] != asked.plan.agreement:
        return _show(request, asked, "The settings changed after you looked. This is what would start now.")
    if earlier := _started_before(given["start_id"]):
        if _is_of(earlier, asked.plan):
            return HttpResponseClientRedirect(reverse("reports:detail", args=[earlier.slug]))
        again = f"This form already started {earlier.title}, with other settings. Start again for a second sweep."
        return _show(request, asked, again)
    try:
        report = services.start_sweep(
            asked.plan, title=given["title"], question=request.POST.get("run-notes", ""), user=user_of(request),
            start_id=given["start_id"], leave_out=given["leave_out"],
        )  # fmt: skip
    except UserError as error:
        stored = _started_before(given["start_id"]) if error.status == BROKER_AWAY else None
        if stored is None:
            return _show(request, asked, error.message)
        messages.warning(request, error.message)
        report = stored
    return HttpResponseClientRedirect(reverse("reports:detail", args=[report.slug]))


@require_http_methods(["GET", "HEAD", "POST"])
@role_required(Role.RESEARCHER)
def repeat(request: HttpRequest, run_id: int) -> HttpResponse:
    """A run again with other seeds: a form, and what it starts."""
    run = get_run(run_id)
    reports = services.reports_of(run)
    problem = ""
    if request.method == "POST":
        chosen = request.POST.get("report", "")
        report = next((each for each in reports if each.slug == chosen), None)
        try:
            if chosen and report is None:
                raise UserError("This report does not hold the run any more. Choose again.")
            slug, launched = services.repeat_run(
                run, read_seeds(request.POST.get("seeds", "")), user_of(request), report=report
            )
        except UserError as error:
            problem = error.message
        else:
            messages.success(request, _queued_words(len(launched.started)))
            return redirect("reports:detail", slug)
    context = {"nav": "runs", "run": run, "reports": reports, "problem": problem, "given": request.POST}
    return render(request, "reports/repeat.html", context, status=400 if problem else 200)


def _asked(request: HttpRequest) -> Asked:
    form = SweepForm(request.POST)
    config, _ = checked_form(request.POST)
    if config.config is None or config.faults or config.errors:
        return Asked(form, None, "Mend what the run preview names first; then its settings can be varied.")
    try:
        axes, seeds = form.asked()
        return Asked(form, plan_sweep(config.config, axes, seeds))
    except UserError as error:
        return Asked(form, None, error.message)


def _show(request: HttpRequest, asked: Asked, problem: str = "") -> HttpResponse:
    plan, given = asked.plan, getattr(asked.form, "cleaned_data", {})
    leaves_out = bool(given.get("leave_out"))
    context: dict[str, Any] = {
        "plan": plan,
        "problem": problem or asked.problem,
        "leaves_out": leaves_out,
        "may_start": plan is not None and bool(plan.settings) and (leaves_out or not plan.refused),
        "start_id": _unused(given.get("start_id")),
    }
    if plan is not None:
        told = plan.refused[: services.SHOWN_REASONS]
        context |= {
            "axes": [(axis.label, ", ".join(map(shown, axis.values)), own_value(plan, axis)) for axis in plan.axes],
            "told": told,
            "untold": len(plan.refused) - len(told),
            "estimate": estimate([setting.config for setting in plan.settings], len(plan.seeds)),
        }
    return render(request, "reports/sweep_plan.html", context)


def _unused(start_id: uuid.UUID | None) -> uuid.UUID:
    """The one that was sent, unless it has started something."""
    return start_id if start_id and not _started_before(start_id) else uuid.uuid4()


def _started_before(start_id: uuid.UUID | None) -> Report | None:
    return Report.objects.filter(start_id=start_id).first() if start_id else None


def _is_of(report: Report, plan: SweepPlan[RunConfig]) -> bool:
    """Whether the report is the one that this plan makes."""
    wanted = services.definition_of(plan, report.title, "").model_dump(mode="json")
    return all(report.definition.get(part) == wanted[part] for part in ("arms", "seeds", "grid"))


def _queued_words(count: int) -> str:
    runs, them = ("1 run is", "it") if count == 1 else (f"{count} runs are", "them")
    return f"{runs} queued. This page follows {them}."
