"""``manage.py restore FILE``: what ``manage.py backup`` wrote, in the place of what is there."""

from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.db import Error

from webapp.operations.archive import NoBackup
from webapp.operations.postgres_tools import ToolFailed
from webapp.operations.restore import restore


class Command(BaseCommand):
    """Wholly or not at all."""

    help = "Restore a backup. Stop the web and the workers first."
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("file", type=Path)
        parser.add_argument("--replace", action="store_true", help="drop what the database holds now")

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            head, old = restore(options["file"], options["replace"])
        except (NoBackup, ToolFailed, OSError) as reason:
            raise CommandError(str(reason)) from None
        except Error as reason:
            raise CommandError(f"The database does not answer: {reason}") from None
        self.stdout.write(f"Restored the backup of {head.created_at}. Next: manage.py prepare, or simply start again.")
        if old:
            self.stdout.write(f"Files that stood here before are in {old}.")
