"""A report as a file."""

from django.http import Http404, HttpRequest, HttpResponse

from webapp.reports.built import build
from webapp.reports.exports.files import EVERY_POINT, WRITERS
from webapp.reports.views.common import get_report


def export(request: HttpRequest, slug: str, name: str) -> HttpResponse:
    """``name`` is one of the files there are, such as ``report.html``."""
    if name not in WRITERS:
        raise Http404(f"A report has no file {name}; there are {', '.join(WRITERS)}.")
    kind, write = WRITERS[name]
    built = build(get_report(slug), every_point=name in EVERY_POINT)
    headers = {"Content-Disposition": f'attachment; filename="{slug}-{name}"'}
    return HttpResponse(write(built), content_type=f"{kind}; charset=utf-8", headers=headers)
