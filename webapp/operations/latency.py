"""How long requests take, counted over all processes of the web.

Under gunicorn the counts lie in files that its processes share (`webapp.serving`), so that a scrape tells the same
whichever process answers it. Views are hundreds: the area of the site
is enough to say where to look.
"""

import time
from collections.abc import Callable

from django.conf import settings
from django.http import HttpRequest
from django.http.response import HttpResponseBase
from prometheus_client import Histogram

BUCKETS = (0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 10.0)
"""Seconds."""

REQUESTS = Histogram(
    "espalier_http_request_seconds",
    "Time from the first middleware to the response's head, by area of the site and class of status",
    ["area", "status"],
    buckets=BUCKETS,
    registry=None,
)


class LatencyMiddleware:
    """The outermost of all."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        began = time.perf_counter()
        response = self.get_response(request)
        REQUESTS.labels(_area(request), f"{response.status_code // 100}xx").observe(time.perf_counter() - began)
        return response


def _area(request: HttpRequest) -> str:
    """The app's namespace, ``site`` without one, ``unknown`` for no view: never what a client made up."""
    if request.path.startswith(f"/{settings.STATIC_URL.strip('/')}/"):
        return "static"
    found = request.resolver_match
    if found is None:
        return "unknown"
    return found.namespace or "site"
