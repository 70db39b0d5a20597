"""What changes users."""

import secrets

from django.db import transaction

from webapp.accounts.models import Role, User
from webapp.core.errors import UserError


def create_user(username: str, role: Role) -> tuple[User, str]:
    """A new user and the password made for them, to be changed at the first login."""
    password = secrets.token_urlsafe(12)
    user = User.objects.create_user(username, password=password, role=role, must_change_password=True)
    return user, password


def reset_password(user: User) -> str:
    """A new password for ``user``, to be changed at the next login."""
    password = secrets.token_urlsafe(12)
    user.set_password(password)
    user.must_change_password = True
    user.save(update_fields=["password", "must_change_password"])
    return password


@transaction.atomic
def save_user(user: User) -> None:
    """Store a changed user. Raises UserError when nobody would be left to administer."""
    # Every admin's row is locked, so that two admins cannot demote each other at the same moment.
    admins = User.objects.select_for_update().filter(role=Role.ADMIN, is_active=True).order_by("pk")
    others = [admin for admin in admins if admin.pk != user.pk]
    if not others and not (user.is_admin and user.is_active):
        raise UserError(f"{user.username} is the last admin. Make somebody else an admin first.")
    user.save()
