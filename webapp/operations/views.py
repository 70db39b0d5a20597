"""What answers without logging in: whether the web lives, whether it can work, and its figures."""

from django.contrib.auth.decorators import login_not_required
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe
from prometheus_client import CONTENT_TYPE_LATEST

from webapp.operations.access import may_scrape
from webapp.operations.exposition import exposition
from webapp.operations.readiness import failures

REFUSED = (
    "Metrics are open to requests from this machine itself, to admins who are logged in, and to those who send "
    "'Authorization: Bearer' with the METRICS_TOKEN of the web.\n"
)


@require_safe
@login_not_required
@never_cache
def healthz(request: HttpRequest) -> JsonResponse:
    """The process lives. It asks nobody else: a restart of the web mends neither database nor broker."""
    return JsonResponse({"status": "ok"})


@require_safe
@login_not_required
@never_cache
def readyz(request: HttpRequest) -> JsonResponse:
    """Whether pages work; 503 with the reason of each part that fails."""
    failed = failures()
    return JsonResponse({"status": "failing" if failed else "ready", "failures": failed}, status=503 if failed else 200)


@require_safe
@login_not_required
@never_cache
def metrics(request: HttpRequest) -> HttpResponse:
    """For Prometheus; see `may_scrape` for who may read it."""
    if not may_scrape(request):
        response = HttpResponse(REFUSED, status=401, content_type="text/plain")
        response["WWW-Authenticate"] = "Bearer"
        return response
    return HttpResponse(exposition(), content_type=CONTENT_TYPE_LATEST)
