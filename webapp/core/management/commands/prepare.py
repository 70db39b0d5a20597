"""``manage.py prepare``: brings database and static files up to date; safe to call at every start."""

import hashlib
from argparse import ArgumentParser
from typing import Any

from django.conf import settings
from django.contrib.staticfiles.finders import get_finders
from django.core.management import call_command
from django.core.management.base import BaseCommand
from django.db import connection

LOCK = 0x657370  # any number, the same for all who prepare
UNUSED = ["django_htmx/ext*"]
"""Extensions that no page loads, and that import what is not there."""


class Command(BaseCommand):
    """Migrations, static files, the first admin, the role of sandbox workers, the demo run."""

    help = "Migrate, collect static files that changed, make the first admin and the demo run where there is none."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--no-demo", action="store_false", dest="demo", help="queue no demo run")

    def handle(self, *args: Any, **options: Any) -> None:
        with connection.cursor() as cursor:  # two machines that start at once take turns
            cursor.execute("SELECT pg_advisory_lock(%s)", [LOCK])
        call_command("migrate", interactive=False, verbosity=0)
        self._collect_static()
        call_command("first_admin", stdout=self.stdout)
        call_command("sandbox_role", stdout=self.stdout)
        if options["demo"]:
            call_command("demo", stdout=self.stdout)

    def _collect_static(self) -> None:
        stamp, now = settings.STATIC_ROOT / ".collected", _fingerprint()
        if not stamp.exists() or stamp.read_text() != now:
            call_command("collectstatic", interactive=False, verbosity=0, ignore_patterns=UNUSED)
            stamp.write_text(now)


def _fingerprint() -> str:
    """Changes when any static file does: name, size or time."""
    digest = hashlib.sha256()
    for finder in get_finders():
        for name, storage in finder.list([]):
            facts = name, storage.size(name), storage.get_modified_time(name).timestamp()
            digest.update(repr(facts).encode())
    return digest.hexdigest()
