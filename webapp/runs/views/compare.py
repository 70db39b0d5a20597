"""Up to eight runs side by side: curves in fixed colours, last and best figures, and what their configs differ in."""

from collections.abc import Iterable, Sequence
from typing import Any

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect, StreamingHttpResponse
from django.shortcuts import render
from django.urls import reverse

from training.events.metrics import metric_info
from webapp.runs.charts import CHARTS, SCORE
from webapp.runs.comparison import figures_of, metrics_of
from webapp.runs.config_table import Difference
from webapp.runs.config_table import compare as compare_configs
from webapp.runs.models import Run
from webapp.runs.views.common import run_numbers
from webapp.runs.views.curves import MOST_RUNS
from webapp.runs.views.detail import STEP_PLACE
from webapp.runs.views.figures import long_csv
from webapp.runs.views.saved_views import views_of

SHOWN_FIRST = (
    SCORE, "heldout/greedy", "reward/mean", "reward/accuracy", "response/length_mean", "response/truncated_share",
    "groups/zero_variance_share", "policy/entropy", "policy/kl", "optim/loss", "heldout/loss", "optim/grad_norm",
    "speed/tokens_per_s",
)  # fmt: skip
"""Metrics that are compared at first sight, in this order; the others are folded."""
BANDS = {chart.metrics[0]: chart.band for chart in CHARTS if chart.band}


def compare(request: HttpRequest) -> HttpResponse:
    """``runs`` in the order of their colours; ``add`` puts more after them."""
    wanted = run_numbers(",".join(request.GET.getlist("runs")))
    added = run_numbers(",".join(request.GET.getlist("add")))
    if added or len(request.GET.getlist("runs")) > 1 or len(wanted) > MOST_RUNS:
        return _tidied(request, list(dict.fromkeys(wanted + added)))
    found = Run.objects.in_bulk(wanted)
    runs = [found[number] for number in wanted if number in found]
    context = {
        "nav": "runs",
        "runs": runs,
        "numbers": _numbers(runs),
        "compared": [(run, _numbers(other for other in runs if other != run)) for run in runs],
        "kept_query": [(key, value) for key, value in request.GET.items() if key != "add"],
        "step_place": STEP_PLACE,
        "saved_views": views_of(request, "compare"),
        **_choices(runs),
        **_figures(request, runs),
        **_differences(request, runs),
    }
    return render(request, "runs/compare.html", context)


def _numbers(runs: Iterable[Run]) -> str:
    return ",".join(str(run.pk) for run in runs)


def metric_csv(request: HttpRequest, key: str) -> StreamingHttpResponse:
    """Every point of one metric, a line for each run and step."""
    runs = run_numbers(request.GET.get("runs", ""))[:MOST_RUNS]
    name = key.replace("-", "/", 1)
    if not name.isprintable():
        raise Http404
    headers = {"Content-Disposition": f'attachment; filename="{key}.csv"'}
    return StreamingHttpResponse(long_csv(runs, name), content_type="text/csv", headers=headers)


def _tidied(request: HttpRequest, numbers: list[int]) -> HttpResponse:
    """The same comparison under its proper address: every run named once, eight at most."""
    if len(numbers) > MOST_RUNS:
        messages.warning(request, f"{MOST_RUNS} runs are compared at most; the others are left out.")
    query = request.GET.copy()
    query.pop("add", None)
    query["runs"] = ",".join(map(str, numbers[:MOST_RUNS]))
    return HttpResponseRedirect(f"{reverse('runs:compare')}?{query.urlencode(safe=',')}")


def _figures(request: HttpRequest, runs: Sequence[Run]) -> dict[str, Any]:
    """Charts and the table of last and best values, those of most interest first."""
    baseline = next((run for run in runs if str(run.pk) == request.GET.get("baseline")), runs[0] if runs else None)
    order = {name: position for position, name in enumerate(SHOWN_FIRST)}
    names = sorted(metrics_of(runs), key=lambda name: order.get(name, len(order)))
    rows = figures_of(runs, baseline, names)
    return {
        "baseline": baseline,
        "charts": [_chart(name, runs) for name in names],
        "shown": [row for row in rows if row.info.name in SHOWN_FIRST],
        "folded": [row for row in rows if row.info.name not in SHOWN_FIRST],
    }


def _chart(name: str, runs: Sequence[Run]) -> dict[str, Any]:
    """One metric, a curve for each run and for each group of several."""
    info = metric_info(name)
    groups = [run.group for run in runs if run.group]
    curves: list[dict[str, Any]] = [
        {
            "source": str(run.pk), "name": name, "label": run.name, "band": BANDS.get(name), "colour": index + 1,
            "group": run.group if groups.count(run.group) > 1 else "",
        }
        for index, run in enumerate(runs)
    ]  # fmt: skip
    first = {run.group: index + 1 for index, run in reversed(list(enumerate(runs)))}
    curves += [
        {"source": f"group:{group}", "name": name, "label": f"{group}: mean of {groups.count(group)}", "band": None,
         "colour": first[group], "group": ""}
        for group in dict.fromkeys(groups) if groups.count(group) > 1
    ]  # fmt: skip
    return {
        "key": name.replace("/", "-"), "title": info.title, "unit": info.unit, "better": info.direction,
        "stacked": False, "legend": False, "curves": curves,
    }  # fmt: skip


def _choices(runs: Sequence[Run]) -> dict[str, Any]:
    groups = [run.group for run in runs if run.group]
    return {
        "addable": Run.objects.exclude(pk__in=[run.pk for run in runs]).filter(archived=False).only("name")[:50],
        "can_add": len(runs) < MOST_RUNS,
        "has_groups": len(set(groups)) < len(groups),
        "is_moving": any(not run.state.is_terminal for run in runs),
    }


def _differences(request: HttpRequest, runs: Sequence[Run]) -> dict[str, Any]:
    """Rows of the config table: those that differ, without the ignored ones; with ``all``, every row."""
    ignored = [path for path in request.GET.get("ignore", "").split(",") if path]
    rows: list[Difference] = compare_configs([run.config for run in runs])
    differing = [row for row in rows if row.differs]
    shown = rows if request.GET.get("all") else [row for row in differing if row.path not in ignored]
    return {
        "differences": [(row, ",".join([*ignored, row.path])) for row in shown],
        "ignored": ignored,
        "same_count": len(rows) - len(differing),
    }
