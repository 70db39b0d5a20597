"""Sends a user whose password was generated to the page where it is changed."""

from collections.abc import Callable

from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import reverse


class OwnPasswordFirst:
    """Until the generated password is changed, every page leads to the password page."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        user = request.user
        if user.is_authenticated and user.must_change_password and request.path not in self.open_paths():
            return redirect("password_change")
        return self.get_response(request)

    def open_paths(self) -> set[str]:
        return {reverse("password_change"), reverse("logout"), reverse("health")}
