"""``manage.py first_admin``: makes an admin where there is none, and prints the password, once."""

from typing import Any

from django.core.management.base import BaseCommand

from webapp.accounts.models import Role, User
from webapp.accounts.services import create_user

NAME = "admin"


class Command(BaseCommand):
    """Does nothing where somebody can administer already."""

    help = "Make the first admin and print the password, if there is no active admin."

    def handle(self, *args: Any, **options: Any) -> None:
        if User.objects.filter(role=Role.ADMIN, is_active=True).exists():
            return
        taken = User.objects.filter(username=NAME).exists()
        user, password = create_user(f"{NAME}-{User.objects.count() + 1}" if taken else NAME, Role.ADMIN)
        self.stdout.write(f"First login:  {user.username}   password: {password}   (you choose your own then)")
