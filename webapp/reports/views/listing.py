"""The list of reports: the shipped ones, and those that users made."""

from django.db.models import Count
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render

from webapp.core.paging import keyset_page
from webapp.reports.catalogue import shipped
from webapp.reports.models import Report, ReportRun
from webapp.runs.status import RunStatus


def report_list(request: HttpRequest) -> HttpResponse:
    """Shipped reports with how far they are; below, the users' own, newest first."""
    own = Report.objects.exclude(slug__in=list(shipped())).select_related("owner").annotate(run_count=Count("runs"))
    page = keyset_page(own, by="created_at", descending=True, cursor=request.GET.get("after", ""))
    context = {
        "nav": "reports",
        "offered": [(definition, *_progress(slug)) for slug, definition in shipped().items()],
        "page": page,
        "arm_counts": {report.pk: len(report.definition.get("arms", ())) for report in page.rows},
    }
    return render(request, "reports/list.html", context)


def _progress(slug: str) -> tuple[int, int]:
    """How many runs a shipped report has, and how many of them succeeded."""
    links = ReportRun.objects.filter(report__slug=slug).values_list("run__status", flat=True)
    states = list(links)
    return len(states), states.count(RunStatus.SUCCEEDED)
