"""What the views of reports share."""

from django.http import Http404, HttpRequest

from webapp.accounts.permissions import user_of
from webapp.reports.catalogue import Known, find
from webapp.reports.definition import Definition
from webapp.runs.axes import Axis

BANDS = ("range", "interval")


def get_report(slug: str) -> Known:
    """The report, or a page that says there is none."""
    known = find(slug)
    if known is None:
        raise Http404(f"There is no report {slug}.")
    return known


def chosen_axis(request: HttpRequest, definition: Definition) -> Axis:
    """``x`` of the address; the report's first axis when it names none of them."""
    asked = request.GET.get("x", "")
    return asked if asked in definition.axes else definition.axes[0]


def may_delete(request: HttpRequest, known: Known) -> bool:
    user = user_of(request)
    return not known.shipped and known.report is not None and (known.report.owner_id == user.pk or user.is_admin)
