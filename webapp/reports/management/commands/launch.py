"""``manage.py launch config.yaml``: queues a run, or one for each seed and point of a grid; ``--follow`` shows them."""

import time
from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.db import transaction

from training.config import RunConfig
from webapp.core.errors import UserError
from webapp.reports.built import Built, build
from webapp.reports.catalogue import find
from webapp.reports.models import Report
from webapp.reports.sweeps.plan import plan_sweep
from webapp.reports.sweeps.reading import read_axes, read_seeds
from webapp.reports.sweeps.services import reasons_of, start_sweep
from webapp.runs.configure.files import FileError, read_config
from webapp.runs.following import FAILED, STOPPED, progress_words
from webapp.runs.models import Run
from webapp.runs.services import create_run, launch_run
from webapp.runs.status import RunStatus

POLL_S = 1.0


class Command(BaseCommand):
    """The same as the form in the browser, from a file."""

    help = (
        "Queue a run from a YAML or JSON config; with --seeds or --grid, all their combinations as a report. With "
        "--follow, exits 0 if all succeeded, 1 if one failed, 3 if one was stopped."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("config", type=Path, help="the run's config, YAML or JSON")
        parser.add_argument("--name", default="", help="what to call it; with --seeds or --grid, the report's title")
        parser.add_argument("--group", default="", help="runs of one group are averaged together")
        parser.add_argument("--seeds", metavar="0-2", help="run it once with each; or 0,1,5")
        parser.add_argument("--grid", action="append", default=[], metavar="KNOB=V1,V2",
                            help="an axis of a grid, up to three: optimisation.learning_rate=1e-4,3e-4")  # fmt: skip
        parser.add_argument("--leave-out", action="store_true", help="start the rest where combinations cannot be run")
        parser.add_argument("--follow", action="store_true", help="show progress until it ends; Ctrl-C only looks away")

    def handle(self, *args: Any, **options: Any) -> None:
        config = _read(options["config"])
        try:
            if options["seeds"] or options["grid"]:
                self._sweep(config, options)
            else:
                self._run(config, options)
        except UserError as error:
            raise CommandError(error.message) from error

    def _run(self, config: RunConfig, options: dict[str, Any]) -> None:
        if options["leave_out"]:
            raise CommandError("--leave-out goes with --grid.")
        with transaction.atomic():
            run = create_run(config, name=options["name"], group=options["group"])
            launch_run(run)
        self.stdout.write(f"Run {run.pk} ({run.name}) is queued.")
        if options["follow"]:
            self._follow(run)

    def _sweep(self, config: RunConfig, options: dict[str, Any]) -> None:
        if options["group"]:
            raise CommandError("--group goes neither with --seeds nor with --grid: their runs belong to a report.")
        seeds = read_seeds(options["seeds"]) if options["seeds"] else (config.seed,)
        pairs = [axis.partition("=") for axis in options["grid"]]
        plan = plan_sweep(config, read_axes([(knob, values) for knob, _, values in pairs]), seeds)
        if plan.refused and options["leave_out"]:
            self.stdout.write("Left out:\n" + reasons_of(plan))
        report = start_sweep(plan, title=options["name"], leave_out=options["leave_out"])
        self.stdout.write(f"{plan.sum}, queued. Report {report.slug}: {report.title}.")
        if options["follow"]:
            self._follow_report(report)

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

    def _follow_report(self, report: Report) -> None:
        said = ""
        try:
            while (built := _built(report)).is_moving:
                if (now := _sweep_progress(built)) != said:
                    self.stdout.write(now)
                    self.stdout.flush()
                    said = now
                time.sleep(POLL_S)
        except KeyboardInterrupt:
            self.stdout.write("\nThe runs go on without you.")
            return
        self.stdout.write(built.state)
        states = [cell.run.state for cell in built.cells if cell.run is not None]
        if any(state in {RunStatus.FAILED, RunStatus.LOST} for state in states):
            raise CommandError("Not all runs succeeded.", returncode=FAILED)
        if any(state != RunStatus.SUCCEEDED for state in states):
            raise CommandError("Runs were stopped.", returncode=STOPPED)


def _built(report: Report) -> Built:
    known = find(report.slug)
    if known is None:
        raise CommandError(f"The report {report.slug} was deleted meanwhile; its runs go on.", returncode=FAILED)
    return build(known)


def _sweep_progress(built: Built) -> str:
    steps = sum(cell.run.step for cell in built.cells if cell.run)
    return f"{built.state} Step {steps} of {sum(cell.run.total_steps for cell in built.cells if cell.run)} in all."


def _read(path: Path) -> RunConfig:
    try:
        return read_config(path.read_text(encoding="utf-8"))
    except FileError as error:
        mistakes = [f"  line {m.line}: {m.message}" if m.line else f"  {m.message}" for m in error.mistakes]
        raise CommandError("\n".join([f"{path} is no valid config:", *mistakes])) from error
    except (OSError, UnicodeDecodeError) as error:
        raise CommandError(f"{path} cannot be read: {error}") from error
