"""Users: Django's own, plus one role each."""

from django.contrib.auth.models import AbstractUser
from django.db import models


class Role(models.TextChoices):
    """What a user may do; each role may do what those below it may."""

    ADMIN = "admin", "Admin"
    RESEARCHER = "researcher", "Researcher"
    LABELER = "labeler", "Labeler"
    VIEWER = "viewer", "Viewer"


RANK = {Role.VIEWER: 0, Role.LABELER: 1, Role.RESEARCHER: 2, Role.ADMIN: 3}


class User(AbstractUser):
    """Somebody who can log in."""

    role = models.CharField(max_length=16, choices=Role, default=Role.VIEWER)
    must_change_password = models.BooleanField(default=False)

    def has_role(self, role: Role) -> bool:
        """Whether this user may do what ``role`` may."""
        return RANK[Role(self.role)] >= RANK[role]

    @property
    def is_researcher(self) -> bool:
        return self.has_role(Role.RESEARCHER)

    @property
    def is_admin(self) -> bool:
        return self.has_role(Role.ADMIN)
