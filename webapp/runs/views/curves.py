"""The figures behind charts, as JSON: of any runs and metrics, at the resolution that fits."""

from collections import defaultdict
from collections.abc import Sequence
from typing import Any, cast

from django.http import HttpRequest, JsonResponse

from webapp.runs import series
from webapp.runs.axes import Axis, mean_of, read_axis
from webapp.runs.models import Run
from webapp.runs.series import MOST_POINTS, Curve
from webapp.runs.views.common import number, run_numbers

MOST_RUNS = 8
MOST_NAMES = 64
MOST_FIGURES = 30_000
"""Points of one answer: many curves come coarser, so that none takes long."""
AXES = ("step", "tokens", "time")


def curves(request: HttpRequest) -> JsonResponse:
    """``runs`` and ``names`` are lists with commas; ``from`` and ``to`` steps; ``points`` the most a curve may have.

    With ``mean``, runs of the same group come as one curve more, their mean with a band of one standard deviation.
    """
    wanted = run_numbers(request.GET.get("runs", ""))[:MOST_RUNS]
    runs = list(Run.objects.filter(pk__in=wanted).only("step", "group", "rewinds"))
    names = metric_names(request)
    first, last = number(request, "from", 0), number(request, "to", max((run.step for run in runs), default=0))
    most = min(number(request, "points", 1000), MOST_POINTS, max(64, MOST_FIGURES // max(1, len(runs) * len(names))))
    level = series.level_for(first, last, most)
    answer = read_curves(runs, names, level, first, last)
    if request.GET.get("mean"):
        answer |= _means(runs, names, answer)
    axis = chosen_axis(request)
    body: dict[str, Any] = {"level": level, "curves": _as_json(answer), "axis": axes_json(runs, axis, level)}
    if len(runs) == 1:
        body["cursor"] = cursor_of(runs[0])
    return JsonResponse(body)


def metric_names(request: HttpRequest) -> list[str]:
    """The metrics a request asks for; what cannot be a name is left out."""
    names = request.GET.get("names", "").split(",")
    return [name for name in names if name and name.isprintable()][:MOST_NAMES]


Curves = dict[str, dict[str, Curve]]
"""By source (a run's number, or ``group:name``), then by metric."""


def read_curves(runs: Sequence[Run], names: Sequence[str], level: int, first: int, last: int | None = None) -> Curves:
    found: Curves = defaultdict(dict)
    for (run, name), curve in series.read([run.pk for run in runs], names, level=level, first=first, last=last).items():
        found[str(run)][name] = curve
    return found


def cursor_of(run: Run) -> str:
    """What a page has seen of a run: figures up to this step, since rows were last taken back."""
    return f"{run.rewinds}.{run.step}"


def axes_json(runs: Sequence[Run], axis: Axis, level: int) -> dict[str, Any]:
    """Tokens or seconds at steps, by run; nothing for steps themselves."""
    if axis == "step":
        return {}
    return {str(run): curve.as_json() for run, curve in read_axis([run.pk for run in runs], axis, level).items()}


def chosen_axis(request: HttpRequest) -> Axis:
    axis = request.GET.get("x", "step")
    return cast(Axis, axis) if axis in AXES else "step"


def _as_json(answer: Curves) -> dict[str, dict[str, Any]]:
    return {source: {name: curve.as_json() for name, curve in by.items()} for source, by in answer.items()}


def _means(runs: Sequence[Run], names: Sequence[str], answer: Curves) -> Curves:
    members: dict[str, list[str]] = defaultdict(list)
    for run in runs:
        if run.group:
            members[f"group:{run.group}"].append(str(run.pk))
    return {
        group: {name: mean_of([answer[run][name] for run in inside if name in answer[run]]) for name in names}
        for group, inside in members.items()
        if len(inside) > 1
    }
