"""Holds what is asked of every user: the generated password changed first, and a role that opens the page."""

from collections.abc import Callable
from typing import Any
from urllib.parse import urlencode

from django.contrib.auth import REDIRECT_FIELD_NAME
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import redirect, render
from django.urls import reverse

from webapp.accounts.models import Role
from webapp.accounts.permissions import View, lacking, roles_of, user_of


class OwnPasswordFirst:
    """Until the generated password is changed, every page leads to the password page."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        user = request.user
        if user.is_authenticated and user.must_change_password and request.path not in self.open_paths():
            return redirect(f"{reverse('password_change')}{_way_back(request)}")
        return self.get_response(request)

    def open_paths(self) -> set[str]:
        return {reverse(name) for name in ("password_change", "logout", "healthz", "readyz")}


def _way_back(request: HttpRequest) -> str:
    """Names the page that was asked for, so that the password page leads on to it."""
    is_page = request.method == "GET" and "hx-request" not in request.headers
    return f"?{urlencode({REDIRECT_FIELD_NAME: request.get_full_path()})}" if is_page else ""


class DefaultRole:
    """Views that name no role are for viewers: labelers reach only what is marked as theirs."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        return self.get_response(request)

    def process_view(
        self, request: HttpRequest, view: View, args: tuple[Any, ...], kwargs: dict[str, Any]
    ) -> HttpResponse | None:
        """Answers 403 in the view's place to users with none of its roles."""
        if not getattr(view, "login_required", True) or not request.user.is_authenticated:
            return None
        user, roles = user_of(request), roles_of(view)
        if any(user.has_role(role) for role in roles):
            return None
        needed = next(role for role in reversed(Role) if role in roles)
        # Nothing catches a UserError here: it would be raised outside of any view.
        accepted = request.headers.get("accept", "")
        if request.content_type == "application/json" or accepted.startswith("application/json"):
            return JsonResponse({"error": lacking(user, needed)}, status=403)
        return render(request, "core/user_error.html", {"message": lacking(user, needed)}, status=403)
