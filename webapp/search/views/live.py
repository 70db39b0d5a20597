"""Trees of the step under way."""

from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import get_object_or_404
from django.views.decorators.http import require_GET

from webapp.runs.models import Run
from webapp.search.live import as_json, read_glimpse


@require_GET
def live_trees(request: HttpRequest, run_id: int) -> HttpResponse:
    """The trees as they last stood; 204 when the page has them, as its ``cursor`` says."""
    glimpse = read_glimpse(get_object_or_404(Run, pk=run_id))
    if request.GET.get("cursor") == glimpse.cursor:
        response = HttpResponse(status=204)
    else:
        response = JsonResponse(as_json(glimpse), json_dumps_params={"ensure_ascii": False})
    response["Cache-Control"] = "no-store"
    return response
