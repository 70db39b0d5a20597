"""Who may call a view.

A view that says nothing is open to those who have the role viewer, which labelers have not: `DefaultRole` among the
middleware holds this, so that no view is opened to labelers by being forgotten.
"""

from collections.abc import Callable
from functools import wraps
from typing import Any, cast

from django.http import HttpRequest, HttpResponseBase

from webapp.accounts.models import Role, User
from webapp.core.errors import UserError

View = Callable[..., HttpResponseBase]

ROLES = "open_to_roles"
"""Attribute of a view: it is open to users with any of these roles."""


def user_of(request: HttpRequest) -> User:
    """Who asks; the middleware lets nobody else through."""
    return cast(User, request.user)


def role_required(role: Role) -> Callable[[View], View]:
    """Views marked so answer 403 with a sentence to users without the role."""

    def decorate(view: View) -> View:
        @wraps(view)
        def guarded(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
            user = user_of(request)
            if not user.has_role(role):
                raise UserError(lacking(user, role), status=403)
            return view(request, *args, **kwargs)

        setattr(guarded, ROLES, frozenset({role}))
        return guarded

    return decorate


def for_every_role(view: View) -> View:
    """Views marked so are open to all who are logged in, labelers included."""
    setattr(view, ROLES, frozenset(Role))
    return view


def roles_of(view: View) -> frozenset[Role]:
    """Roles that a view is open to: any of them will do."""
    return cast("frozenset[Role]", getattr(view, ROLES, frozenset({Role.VIEWER})))


def lacking(user: User, role: Role) -> str:
    """That a user has not this role, in words."""
    return (
        f"This needs the role {role.label.lower()}; you are a {user.get_role_display().lower()}. "
        "An admin can change that on the Users page."
    )
