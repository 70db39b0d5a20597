"""``manage.py backup FILE_OR_FOLDER``: a copy of the database and of what the data folder holds."""

from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.db import Error

from webapp.operations.backup import back_up
from webapp.operations.postgres_tools import ToolFailed


class Command(BaseCommand):
    """Writes one file."""

    help = "Copy the database, problem sets and uploads into one file; runs and checkpoints as well where asked."
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("to", type=Path, help="the file, or a folder that gets one named by the time")
        parser.add_argument("--runs", action="store_true", help="add logs and events of runs")
        parser.add_argument("--checkpoints", action="store_true", help="add these and all checkpoints: may be large")

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            file = back_up(options["to"], options["runs"], options["checkpoints"])
        except (ToolFailed, OSError) as reason:
            raise CommandError(str(reason)) from None
        except Error as reason:
            raise CommandError(f"The database does not answer: {reason}") from None
        self.stdout.write(f"{file} ({file.stat().st_size / 2**20:,.1f} MiB)")
