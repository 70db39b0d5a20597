"""What htmx asks for."""

from typing import cast

from django.http import HttpRequest
from django_htmx.middleware import HtmxDetails


def is_fragment(request: HttpRequest) -> bool:
    """Whether htmx asks for a part of a page; when it restores its history it wants the whole."""
    details = cast(HtmxDetails, request.htmx)  # type: ignore[attr-defined]  # set by HtmxMiddleware
    return bool(details) and not details.history_restore_request
