"""Users: Django's own, plus one role each."""

from django.contrib.auth.models import AbstractUser
from django.db import models


class Role(models.TextChoices):
    """What a user may do; `GRANTS` says which roles include which."""

    ADMIN = "admin", "Admin"
    RESEARCHER = "researcher", "Researcher"
    LABELER = "labeler", "Labeler"
    VIEWER = "viewer", "Viewer"


GRANTS: dict[Role, frozenset[Role]] = {
    Role.ADMIN: frozenset(Role),
    Role.RESEARCHER: frozenset({Role.RESEARCHER, Role.LABELER, Role.VIEWER}),
    Role.LABELER: frozenset({Role.LABELER}),
    Role.VIEWER: frozenset({Role.VIEWER}),
}
"""Roles whose rights each role has. Viewers see every page and change nothing; labelers label, and see nothing that
would tell them what they judge; researchers do both, and start runs and projects; admins manage users as well."""


class User(AbstractUser):
    """Somebody who can log in."""

    role = models.CharField(max_length=16, choices=Role, default=Role.VIEWER)
    must_change_password = models.BooleanField(default=False)

    def has_role(self, role: Role) -> bool:
        """Whether this user may do what ``role`` may."""
        return role in GRANTS[Role(self.role)]

    @property
    def is_viewer(self) -> bool:
        """Whether they see the pages of runs, their data and projects."""
        return self.has_role(Role.VIEWER)

    @property
    def is_labeler(self) -> bool:
        return self.has_role(Role.LABELER)

    @property
    def is_researcher(self) -> bool:
        return self.has_role(Role.RESEARCHER)

    @property
    def is_admin(self) -> bool:
        return self.has_role(Role.ADMIN)
