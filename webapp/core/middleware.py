"""Turns a ``UserError`` raised by any view into a page (or an htmx fragment) that says what to do."""

from collections.abc import Callable

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render

from webapp.core.errors import UserError


class UserErrorMiddleware:
    """Expected failures become sentences; everything else stays a crash."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        return self.get_response(request)

    def process_exception(self, request: HttpRequest, exception: Exception) -> HttpResponse | None:
        if not isinstance(exception, UserError):
            return None
        return render(request, "core/user_error.html", {"message": exception.message}, status=exception.status)
