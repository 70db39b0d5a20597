"""``manage.py sandbox_role``: gives sandbox workers a role of the database that reaches their tables alone."""

from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError

from webapp.core.errors import UserError
from webapp.sandbox.role import grant_role, role_name


class Command(BaseCommand):
    """Does nothing where there is no password for it."""

    help = "Make or renew the database's role for sandbox workers, with SANDBOX_DATABASE_PASSWORD for a password."

    def handle(self, *args: Any, **options: Any) -> None:
        if not settings.SANDBOX_DATABASE_PASSWORD:
            return
        try:
            grant_role(role_name(), settings.SANDBOX_DATABASE_PASSWORD)
        except UserError as error:
            raise CommandError(str(error)) from error
        self.stdout.write(f"Sandbox workers reach their tables alone, as {role_name()}.")
