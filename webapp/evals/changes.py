"""Views that change something: start evaluations, judge an answer, take a judgement back."""

from urllib.parse import urlencode

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.views.decorators.http import require_POST

from webapp.accounts.models import Role
from webapp.accounts.permissions import role_required, user_of
from webapp.core.errors import UserError
from webapp.evals import services
from webapp.evals.forms import EvaluationForm, OverrideForm
from webapp.evals.views import get_evaluation
from webapp.inspection.models import Rollout
from webapp.runs.models import Run
from webapp.runs.views.common import back, number


@role_required(Role.RESEARCHER)
def new(request: HttpRequest) -> HttpResponse:
    """The form. ``run`` narrows it to that run's checkpoints, ``checkpoint`` ticks one (or ``all``)."""
    run = _source(request)
    if request.method == "POST":
        form = EvaluationForm(request.POST, run=run)
        if form.is_valid():
            return _start(request, form)
    else:
        form = EvaluationForm(initial=_first_values(request, run), run=run)
    context = {"form": form, "source": run, "nav": "evals"}
    return render(request, "evals/new.html", context, status=400 if form.errors else 200)


@require_POST
@role_required(Role.RESEARCHER)
def override(request: HttpRequest, evaluation_id: int, rollout_id: int) -> HttpResponse:
    form = OverrideForm(request.POST)
    if not form.is_valid():
        raise UserError("A verdict is right or wrong, and a reason has at most 2,000 characters.")
    correct = form.cleaned_data["verdict"] == "right"
    services.override(_answer(evaluation_id, rollout_id), correct, form.cleaned_data["reason"], user_of(request))
    messages.success(request, f"The answer counts as {'right' if correct else 'wrong'}. Both figures are shown.")
    return back(request, "evals:detail", evaluation_id)


@require_POST
@role_required(Role.RESEARCHER)
def withdraw(request: HttpRequest, evaluation_id: int, rollout_id: int) -> HttpResponse:
    services.withdraw(_answer(evaluation_id, rollout_id), user_of(request))
    messages.success(request, "The override is withdrawn; the verifier's verdict counts again.")
    return back(request, "evals:detail", evaluation_id)


def _start(request: HttpRequest, form: EvaluationForm) -> HttpResponse:
    made = services.start_evaluations(form.configs, user=user_of(request), start_id=form.cleaned_data["start_id"])
    if len(made) == 1:
        return redirect("evals:detail", made[0].pk)
    messages.success(request, f"{len(made)} evaluations are queued.")
    sources = {each.source_run_id for each in made}
    narrowed = f"?{urlencode({'run': sources.pop()})}" if len(sources) == 1 and None not in sources else ""
    return redirect(reverse("evals:list") + narrowed)


def _first_values(request: HttpRequest, run: Run | None) -> dict[str, object]:
    """What the form begins with: a run's own problems and longest answer, and a search that is asked for."""
    if run is None:
        return {}
    config = run.config
    problems = config.get("problems", {})
    named = {"builtin": problems.get("level"), "imported": problems.get("slug")}.get(problems.get("kind"))
    method = config.get("method", {})
    longest = method.get("sampling", {}).get("max_tokens") or method.get("max_length")
    step = request.GET.get("checkpoint", "")
    steps = run.checkpoints.filter(removed_at=None).order_by("step").values_list("step", flat=True)
    chosen = [f"{run.pk}:{each}" for each in steps if step in ("all", str(each))]
    values: dict[str, object] = {"model": "checkpoint", "checkpoints": chosen}
    values["search"] = request.GET.get("search", "")
    if named:
        values["problems"] = f"{problems['kind']}:{named}"
    return values | ({"max_tokens": longest} if longest else {})


def _source(request: HttpRequest) -> Run | None:
    named = number(request, "run", 0)
    return get_object_or_404(Run, pk=named) if named else None


def _answer(evaluation_id: int, rollout_id: int) -> Rollout:
    evaluation = get_evaluation(evaluation_id)
    return get_object_or_404(Rollout.objects.select_related("run", "group__prompt"), pk=rollout_id, run=evaluation.run)
