"""Pages of what labels say together: how far annotators agree, and how strong the sources of responses are."""

from django.http import HttpRequest, HttpResponse
from django.views.decorators.http import require_GET

from webapp.accounts.models import Role
from webapp.accounts.permissions import role_required, user_of
from webapp.labeling.agreement_page import agreement_page
from webapp.labeling.agreement_report import agreement_report
from webapp.labeling.choices import Mode
from webapp.labeling.strengths_page import strengths_page
from webapp.labeling.strengths_report import strengths_report
from webapp.labeling.views.common import get_project
from webapp.labeling.views.statistics import figures_of, respond


@require_GET
@role_required(Role.VIEWER)
def agreement(request: HttpRequest, slug: str) -> HttpResponse:
    """How far annotators agree, and what sways them; for htmx the figures alone."""
    project = get_project(slug)
    shown = figures_of(request, project, "agreement", agreement_report)
    page = agreement_page(shown.found.content, Mode(project.mode), user_of(request)) if shown.found else None
    return respond(request, "labeling/agreement", project, shown, {"page": page, "tab": "agreement"})


@require_GET
@role_required(Role.VIEWER)
def strengths(request: HttpRequest, slug: str) -> HttpResponse:
    """Which sources' responses are preferred. Labelers must not learn the sources; whoever may not label may."""
    project = get_project(slug)
    shown = figures_of(request, project, "strengths", strengths_report)
    page = strengths_page(shown.found.content) if shown.found else None
    return respond(request, "labeling/strengths", project, shown, {"page": page, "tab": "strengths"})
