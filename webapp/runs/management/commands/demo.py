"""``manage.py demo``: queues the demo run when there are no runs yet."""

from typing import Any

from django.core.management.base import BaseCommand
from django.db import transaction

from training.config.presets import DEMO
from webapp.runs.models import Run
from webapp.runs.services import create_run, launch_run


class Command(BaseCommand):
    """So that the first page has something to show."""

    help = "Queue the demo run if there are no runs."

    def handle(self, *args: Any, **options: Any) -> None:
        if Run.objects.exists():
            return
        with transaction.atomic():
            launch_run(create_run(DEMO.config, name=DEMO.title, notes=DEMO.summary))
        self.stdout.write(f"A demo run is queued: {DEMO.summary}")
