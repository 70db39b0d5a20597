"""Who may read the metrics: they name no user and no text, but tell what the machines are busy with."""

import ipaddress
from hmac import compare_digest

from django.conf import settings
from django.http import HttpRequest

from webapp.accounts.models import Role, User

PROXY_HEADERS = ("Forwarded", "X-Forwarded-For", "X-Forwarded-Proto", "X-Real-Ip")
"""A request with one of these came through a proxy, whose address says nothing about who asked."""


def may_scrape(request: HttpRequest) -> bool:
    """Who sends METRICS_TOKEN, admins, and, where no token is set, this machine itself."""
    if _sends_token(request):
        return True
    if not settings.METRICS_TOKEN and _is_local(request):
        return True
    return isinstance(request.user, User) and request.user.has_role(Role.ADMIN)


def _sends_token(request: HttpRequest) -> bool:
    kind, _, token = request.headers.get("Authorization", "").partition(" ")
    wanted = settings.METRICS_TOKEN
    return bool(wanted) and kind.lower() == "bearer" and compare_digest(token.strip().encode(), wanted.encode())


def _is_local(request: HttpRequest) -> bool:
    if any(name in request.headers for name in PROXY_HEADERS):
        return False
    try:
        return ipaddress.ip_address(request.META.get("REMOTE_ADDR", "")).is_loopback
    except ValueError:  # a socket has no address
        return False
