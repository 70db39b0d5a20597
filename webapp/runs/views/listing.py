"""The list of runs: narrowed, sorted, grouped and paged by its address; rows that move are fetched again."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from django.contrib import messages
from django.core.paginator import Paginator
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import render
from django.template.loader import render_to_string
from django.utils import timezone
from django.views.decorators.http import require_POST

from webapp.accounts.models import Role
from webapp.accounts.permissions import role_required
from webapp.runs import services
from webapp.runs.charts import SCORE
from webapp.runs.filters import GROUPINGS, NEWEST_FIRST, RunFilter, filtered, for_rows, grouped, ordered
from webapp.runs.models import Run
from webapp.runs.progress import Progress, progress_of
from webapp.runs.queueing import Place, places
from webapp.runs.series import extents
from webapp.runs.sparkline import sparklines
from webapp.runs.status import RunStatus
from webapp.runs.views.common import back, run_numbers
from webapp.runs.views.saved_views import views_of

COLUMNS = (
    ("status", "Status", ""), ("name", "Name", ""), ("method", "Method", ""), ("problems", "Problems", ""),
    ("", "Model", ""), ("step", "Step", "num"), ("score", "pass@1", "num"), ("", "Curve", ""),
    ("started", "Started", ""), ("duration", "Duration", "num"), ("group", "Group", ""),
)  # fmt: skip
"""What each column is sorted by (nothing: not at all), its heading and its class."""
PAGE_SIZE = 50
MOST_LIVE_ROWS = 50


@dataclass(frozen=True, slots=True)
class ListRow:
    """A run as the list shows it."""

    run: Run
    progress: Progress
    best: float | None
    """Highest score so far."""
    curve: tuple[str, str] | None
    """Metric of the sparkline, and its path."""
    place: Place | None = None
    """Of a run that waits."""


def run_list(request: HttpRequest) -> HttpResponse:
    chosen, runs = filtered(request)
    grouping = request.GET.get("by", "")
    context: dict[str, Any] = {
        "nav": "runs",
        "filter": chosen,
        "choices": _choices(),
        "groupings": GROUPINGS,
        "saved_views": views_of(request, "list"),
        "is_narrowed": any(request.GET.get(name) for name in RunFilter.base_filters),
    }
    if grouping in GROUPINGS:
        context |= {"groups": grouped(runs, grouping), "by": grouping, "label": GROUPINGS[grouping]}
        return render(request, "runs/list.html", context)
    sort = request.GET.get("sort", NEWEST_FIRST)
    page = Paginator(ordered(runs, sort).values_list("pk", flat=True), PAGE_SIZE).get_page(request.GET.get("page"))
    context |= {"page": page, "rows": rows_of(list(page)), "columns": COLUMNS, "sort": sort}
    return render(request, "runs/list.html", context)


def live_rows(request: HttpRequest) -> JsonResponse:
    """The rows of some runs as they are now, by number: for those the page saw moving."""
    rows = rows_of(run_numbers(request.GET.get("ids", ""))[:MOST_LIVE_ROWS])
    return JsonResponse(
        {"rows": {row.run.pk: render_to_string("runs/list_rows.html", {"rows": [row]}, request) for row in rows}}
    )


@require_POST
@role_required(Role.RESEARCHER)
def archive(request: HttpRequest) -> HttpResponse:
    """Take the ticked runs off the list, or put them back."""
    away = request.POST.get("archived") != "false"
    count = services.archive_runs(run_numbers(",".join(request.POST.getlist("runs"))), away)
    where = "archived" if away else "back on the list"
    messages.success(request, f"{count} {'run is' if count == 1 else 'runs are'} {where}.")
    return back(request, "runs:list")


def rows_of(ids: Sequence[int]) -> list[ListRow]:
    found = for_rows(ids)
    now = timezone.now()
    curves = sparklines(found)
    bounds = extents([run.pk for run in found], [SCORE])
    best = {run: extent.highest for (run, _), extent in bounds.items()}
    queue = places() if any(run.state == RunStatus.QUEUED for run in found) else {}
    return [
        ListRow(run, progress_of(run, now), best.get(run.pk), curves.get(run.pk), queue.get(run.pk)) for run in found
    ]


def _choices() -> dict[str, list[str]]:
    """Values that the filters offer."""
    runs = Run.objects.order_by()
    return {
        "method": sorted(runs.values_list("method", flat=True).distinct()),
        "problems": sorted(runs.values_list("problems", flat=True).distinct()),
    }
