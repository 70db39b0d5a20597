"""``manage.py report NAME``: launches what a report lacks and writes it into a folder."""

import time
from argparse import ArgumentParser, ArgumentTypeError
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from webapp.core.errors import UserError
from webapp.reports.built import Built, build
from webapp.reports.catalogue import Known, find, names, read_definition
from webapp.reports.exports.files import EVERY_POINT, IN_FOLDER, WRITERS
from webapp.reports.services import Launched, keep_definition, launch_missing
from webapp.runs.models import Run
from workers.maintenance import reap_lost_runs
from workers.reports import Interrupted, carry, outlast

POLL_S = 2.0
UNFINISHED = 3
"""Exit code when runs ended early or are not done."""


class Command(BaseCommand):
    """From a definition to a page with figures, in one line."""

    help = (
        "Launch the runs that a report lacks and write it as HTML, CSV and Markdown. Runs are sent to the workers, "
        "or trained here with --local, which waits for those that workers have in hand. Exits 0 when all runs are "
        "done, else 3."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("name", help="a report's name, as in its address, or a YAML file that defines one")
        parser.add_argument("--seeds", type=_seeds, default=(), metavar="0,1,2", help="instead of the definition's")
        parser.add_argument("--out", type=Path, metavar="FOLDER", help="where the files go; default: NAME-report")
        parser.add_argument("--no-launch", action="store_true", help="only write what there is")
        parser.add_argument("--wait", action="store_true", help="write the files when the runs have ended")
        parser.add_argument("--local", action="store_true", help="train here, without workers, and wait")
        parser.add_argument("--jobs", type=int, default=1, metavar="N", help="with --local: runs at once (1)")

    def handle(self, *args: Any, **options: Any) -> None:
        seeds, name = options["seeds"], options["name"]
        if options["no_launch"] and (options["local"] or options["wait"]):
            raise CommandError("--no-launch goes neither with --local nor with --wait.")
        if options["jobs"] < 1:
            raise CommandError("--jobs must be at least 1.")
        try:
            known = self._find(name)
            name = known.definition.name
            if not options["no_launch"]:
                self._launch(known, seeds, local=options["local"], jobs=options["jobs"])
            if options["wait"] and not options["local"]:
                self._wait(name, seeds)
        except UserError as error:
            raise CommandError(error.message) from error
        except (Interrupted, KeyboardInterrupt) as reason:
            self.stdout.write("Interrupted. The same command goes on from here.")
            raise CommandError("Not finished.", returncode=UNFINISHED) from reason
        self._write(self._find(name), seeds, options["out"] or Path(f"{name}-report"))

    def _find(self, name: str) -> Known:
        if name.endswith((".yaml", ".yml")):
            return keep_definition(read_definition(_text_of(Path(name))))
        known = find(name)
        if known is None:
            raise CommandError(f"There is no report {name!r}; there are {', '.join(names())}.")
        return known

    def _launch(self, known: Known, seeds: tuple[int, ...], *, local: bool, jobs: int) -> None:
        if local:
            reap_lost_runs()  # of a command that was killed
        launched = launch_missing(known, seeds=seeds, send=not local)
        self._say(launched)
        while local and (launched.queued or launched.elsewhere):
            if launched.queued:
                carry(launched.queued, jobs=jobs, tell=self._tell)
            else:
                outlast(launched.elsewhere, tell=self._tell, say=self._note)
            launched = launch_missing(known, seeds=seeds, send=False, resume=False)
            self._say(launched)  # these go on from those that have ended

    def _say(self, launched: Launched) -> None:
        for run in launched.started:
            self.stdout.write(f"Run {run.pk} ({run.name}) is queued.")
        for run in launched.resumed:
            self.stdout.write(f"Run {run.pk} ({run.name}) goes on from its last checkpoint.")

    def _note(self, words: str) -> None:
        self.stdout.write(words)
        self.stdout.flush()

    def _tell(self, run: Run) -> None:
        score = run.latest.get("heldout/pass_at_1")
        figures = "" if score is None else f", held-out pass@1 {score:.3f}"
        self.stdout.write(f"Run {run.pk} ({run.name}): {run.state.label.lower()} at step {run.step}{figures}.")
        if run.error:
            self.stdout.write(f"  {run.error.strip().splitlines()[-1]}")
        self.stdout.flush()

    def _wait(self, name: str, seeds: tuple[int, ...]) -> None:
        said = ""
        while True:
            built = build(self._find(name), seeds)
            if built.state != said:
                said = built.state
                self._note(said)
            if not built.is_moving:
                return
            time.sleep(POLL_S)

    def _write(self, known: Known, seeds: tuple[int, ...], folder: Path) -> None:
        try:
            folder.mkdir(parents=True, exist_ok=True)
            built = build(known, seeds)
            for file in IN_FOLDER:
                whole = build(known, seeds, every_point=True) if file in EVERY_POINT else built
                (folder / file).write_text(WRITERS[file][1](whole), encoding="utf-8")
        except OSError as error:
            raise CommandError(f"{folder} cannot be written: {error}") from error
        self._conclude(built, folder)

    def _conclude(self, built: Built, folder: Path) -> None:
        for answer in built.answers:
            self.stdout.write(f"{answer.label}: {answer.asked} {answer.said}")
        self.stdout.write(f"{built.state} Written to {folder}: {', '.join(IN_FOLDER)}.")
        if built.done < len(built.cells):
            raise CommandError("Not all runs are done.", returncode=UNFINISHED)


def _text_of(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise CommandError(f"{path} cannot be read: {error}") from error


def _seeds(text: str) -> tuple[int, ...]:
    try:
        seeds = tuple(sorted({int(part) for part in text.split(",") if part.strip()}))
    except ValueError as error:
        raise ArgumentTypeError(f"seeds are whole numbers with commas between, not {text!r}") from error
    if not seeds or seeds[0] < 0:
        raise ArgumentTypeError("seeds are whole numbers from 0 on")
    return seeds
