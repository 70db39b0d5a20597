"""Pages of label projects."""

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_GET

from webapp.accounts.permissions import for_every_role, user_of
from webapp.labeling.listing import read_list


@require_GET
@for_every_role
def project_list(request: HttpRequest) -> HttpResponse:
    """All projects; for labelers, those in which they may label."""
    return render(request, "labeling/list.html", {"page": read_list(user_of(request), request.GET), "nav": "label"})
