"""``manage.py launch config.yaml``: queues a run from the shell, and with ``--follow`` shows it until it ends."""

import time
from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.db import transaction

from training.config import RunConfig
from webapp.core.errors import UserError
from webapp.runs.configure.files import FileError, read_config
from webapp.runs.models import Run
from webapp.runs.services import create_run, launch_run
from webapp.runs.status import RunStatus

POLL_S = 1.0
SHOWN = {"reward/mean": "reward", "heldout/pass_at_1": "held-out pass@1", "heldout/loss": "held-out loss"}
"""Metrics that are shown while one follows, with a short name each."""
STOPPED, FAILED = 3, 1
"""Exit codes of a followed run that did not succeed."""


class Command(BaseCommand):
    """The same as the form in the browser, from a file."""

    help = (
        "Queue a run from a YAML or JSON config. With --follow, exits 0 if it succeeded, 3 if it was stopped, else 1."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("config", type=Path, help="the run's config, YAML or JSON")
        parser.add_argument("--name", default="", help="what to call it")
        parser.add_argument("--group", default="", help="runs of one group are averaged together")
        parser.add_argument("--follow", action="store_true", help="show progress until it ends; Ctrl-C only looks away")

    def handle(self, *args: Any, **options: Any) -> None:
        config = _read(options["config"])
        try:
            with transaction.atomic():
                run = create_run(config, name=options["name"], group=options["group"])
                launch_run(run)
        except UserError as error:
            raise CommandError(error.message) from error
        self.stdout.write(f"Run {run.pk} ({run.name}) is queued.")
        if options["follow"]:
            self._follow(run)

    def _follow(self, run: Run) -> None:
        said = ""
        try:
            while not run.state.is_terminal:
                time.sleep(POLL_S)
                run.refresh_from_db()
                if (now := progress_words(run)) != said:
                    self.stdout.write(now)
                    self.stdout.flush()
                    said = now
        except KeyboardInterrupt:
            self.stdout.write("\nThe run goes on without you.")
            return
        if run.state == RunStatus.STOPPED:
            raise CommandError(f"Run {run.pk} was stopped at step {run.step}.", returncode=STOPPED)
        if run.state != RunStatus.SUCCEEDED:
            raise CommandError(f"Run {run.pk}: {run.state.label.lower()}. {run.error}", returncode=FAILED)


def _read(path: Path) -> RunConfig:
    try:
        return read_config(path.read_text(encoding="utf-8"))
    except FileError as error:
        mistakes = [f"  line {m.line}: {m.message}" if m.line else f"  {m.message}" for m in error.mistakes]
        raise CommandError("\n".join([f"{path} is no valid config:", *mistakes])) from error
    except (OSError, UnicodeDecodeError) as error:
        raise CommandError(f"{path} cannot be read: {error}") from error


def progress_words(run: Run) -> str:
    figures = [f"{name} {run.latest[key]:.3f}" for key, name in SHOWN.items() if run.latest.get(key) is not None]
    return "  ".join([f"{run.state.label.lower():9} step {run.step}/{run.total_steps}", *figures])
