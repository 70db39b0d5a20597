"""``manage.py ingest RUN``: brings a run's events into the database by hand, with ``--from-start`` all of them anew."""

from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from webapp.runs.models import Run
from workers.ingest import EVENTS_FILE, ingest, rebuild


class Command(BaseCommand):
    """For repair: workers ingest by themselves, and this beside one of them does no harm."""

    help = "Store the events of a run that the database does not have yet; with --from-start, all of them anew."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("run", type=int, help="number of the run")
        parser.add_argument("--from-start", action="store_true", help="delete the run's rows first")

    def handle(self, *args: Any, **options: Any) -> None:
        number = options["run"]
        run = Run.objects.filter(pk=number).first()
        if run is None:
            raise CommandError(f"There is no run {number}.")
        if not (run.folder / EVENTS_FILE).exists():
            raise CommandError(f"Run {number} has no events: {run.folder / EVENTS_FILE} is not there.")
        count = rebuild(number) if options["from_start"] else sum(iter(lambda: ingest(number).events, 0))
        self.stdout.write(f"Stored {count} events of run {number}.")
