"""Who may call a view."""

from collections.abc import Callable
from functools import wraps
from typing import Any, cast

from django.http import HttpRequest, HttpResponseBase

from webapp.accounts.models import Role, User
from webapp.core.errors import UserError

View = Callable[..., HttpResponseBase]


def user_of(request: HttpRequest) -> User:
    """Who asks; the middleware lets nobody else through."""
    return cast(User, request.user)


def role_required(role: Role) -> Callable[[View], View]:
    """Views marked so answer 403 with a sentence to users of a lesser role."""

    def decorate(view: View) -> View:
        @wraps(view)
        def guarded(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
            user = user_of(request)
            if not user.has_role(role):
                raise UserError(
                    f"This needs the role {role.label.lower()}; you are a {user.get_role_display().lower()}. "
                    "An admin can change that on the Users page.",
                    status=403,
                )
            return view(request, *args, **kwargs)

        return guarded

    return decorate
