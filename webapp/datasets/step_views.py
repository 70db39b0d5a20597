"""The splitter: how experts' solutions become steps, and steps become what a model is asked."""

from typing import Any

from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, render
from django.urls import reverse
from django.utils.http import urlencode
from django.views.decorators.http import require_GET

from training.config import SrlMethod
from training.srl.steps import SlowPatternError
from webapp.core.htmx import is_fragment
from webapp.datasets.models import ProblemSet
from webapp.datasets.step_forms import StepsForm, likely_settings
from webapp.datasets.step_totals import Tally, further_totals, known_totals
from webapp.datasets.steps_page import bars_of, example_of
from webapp.datasets.trajectories import LEVELS, BuiltinTrajectories, ImportedTrajectories, Trajectories


@require_GET
def steps(request: HttpRequest, slug: str) -> HttpResponse:
    return _page(request, _imported(slug))


@require_GET
def totals(request: HttpRequest, slug: str) -> HttpResponse:
    """Counts another portion of the set and shows what is known then."""
    return _totals(request, _imported(slug))


@require_GET
def builtin_steps(request: HttpRequest, level: str) -> HttpResponse:
    return _page(request, _builtin(level))


@require_GET
def builtin_totals(request: HttpRequest, level: str) -> HttpResponse:
    return _totals(request, _builtin(level))


def _imported(slug: str) -> ImportedTrajectories:
    return ImportedTrajectories(get_object_or_404(ProblemSet.objects.defer("mapping", "report"), slug=slug))


def _builtin(level: str) -> BuiltinTrajectories:
    if level not in LEVELS:
        raise Http404(level)
    return BuiltinTrajectories(level)


def _page(request: HttpRequest, trajectories: Trajectories) -> HttpResponse:
    whole = {"rule", "format"} <= request.GET.keys()
    form = StepsForm(request.GET if whole else {**likely_settings(trajectories), **request.GET.dict()})
    number = _number(request.GET.get("problem", ""), trajectories.total)
    context: dict[str, Any] = {
        "trajectories": trajectories, "set": getattr(trajectories, "problem_set", None), "form": form,
        "number": number, "levels": LEVELS, "address": trajectories.address("steps"), "nav": "datasets",
    }  # fmt: skip
    if form.is_valid() and trajectories.total:
        context |= _outcome(trajectories, form.config, number)
    template = "datasets/steps.html#outcome" if is_fragment(request) else "datasets/steps.html"
    return render(request, template, context, status=422 if form.errors and not is_fragment(request) else 200)


def _outcome(trajectories: Trajectories, config: SrlMethod, number: int) -> dict[str, Any]:
    """What the settings make of one trajectory, and of all as far as they were counted."""
    problem = trajectories.at(number)
    if problem is None:
        raise Http404(number)
    settings = _settings(config)
    links = {
        name: f"{trajectories.address('steps')}?{urlencode({**settings, 'problem': str(place)})}"
        for name, place in (("previous", number - 1), ("next", number + 1))
        if 1 <= place <= trajectories.total
    }
    run = f"{reverse('runs:new')}?{urlencode({**trajectories.query, **settings})}"
    context = {"links": links, "run": run, "config": config, "problem_address": trajectories.problem_address(number)}
    try:
        context["example"] = example_of(number, problem, config)
    except SlowPatternError as error:
        return {**context, "fault": f"{error}."}
    return {**context, **_figures(trajectories, config, known_totals(trajectories, config))}


def _totals(request: HttpRequest, trajectories: Trajectories) -> HttpResponse:
    form = StepsForm(request.GET)
    if not form.is_valid():
        raise Http404
    tally = further_totals(trajectories, form.config)
    return render(request, "datasets/step_totals.html", _figures(trajectories, form.config, tally))


def _figures(trajectories: Trajectories, config: SrlMethod, tally: Tally) -> dict[str, Any]:
    settings = urlencode(_settings(config))
    return {
        "tally": tally,
        "bars": bars_of(tally),
        "reasons": sorted(tally.reasons.items(), key=lambda item: -item[1].count),
        "total": trajectories.total,
        "further": f"{trajectories.address('steps_totals')}?{settings}",
        "here": f"{trajectories.address('steps')}?{settings}",
    }


def _settings(config: SrlMethod) -> dict[str, str]:
    """The settings as the form, and the run form, read them from an address."""
    steps = config.steps
    values = {"rule": steps.rule, "pattern": steps.pattern, "format": config.format}
    ticked = {name: "on" for name, value in (("title", steps.title), ("last", steps.last)) if value}
    return {name: value for name, value in {**values, **ticked}.items() if value}


def _number(asked: str, total: int) -> int:
    """The problem that is asked for; the first where it is none."""
    number = int(asked) if asked.isascii() and asked.isdigit() and len(asked) < 10 else 1
    return min(max(number, 1), max(total, 1))
