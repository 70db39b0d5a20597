"""``manage.py recipe FILE_OR_PRESET``: launches a recipe from the shell, and with ``--follow`` shows it to its end."""

import time
from argparse import ArgumentParser
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.db import transaction
from pydantic import ValidationError

from training.config.recipe import Recipe
from training.config.recipes import RECIPES
from training.config_file import parse_as
from training.errors import InputError
from webapp.core.errors import UserError
from webapp.recipes.chain import links_of
from webapp.recipes.family import repeat_with_seeds
from webapp.recipes.grid.launching import start_grid
from webapp.recipes.grid.plan import plan_grid, read_texts
from webapp.recipes.models import RecipeRun
from webapp.recipes.services import create_recipe, launch_recipe
from webapp.recipes.status import RecipeState
from webapp.reports.sweeps.reading import read_seeds
from webapp.runs.following import FAILED, STOPPED, progress_words

POLL_S = 1.0


class Command(BaseCommand):
    """The same as the button in the browser."""

    help = (
        "Train the stages of a recipe one after the other. With --follow, exits 0 if it succeeded, 3 if it was "
        "stopped, else 1."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("recipe", help=f"a YAML or JSON file, or a preset: {', '.join(RECIPES)}")
        parser.add_argument("--size", choices=("builtin", "full"), default="builtin", help="of a preset")
        parser.add_argument("--seed", type=int, help="of all stages, in place of their own")
        parser.add_argument("--seeds", metavar="0-2", help="the whole recipe once with each; or 0,1,5")
        parser.add_argument("--grid", action="append", default=[], metavar="STAGE:KNOB=V1,V2",
                            help="an axis of a grid, up to three: rlvr:optimisation.learning_rate=1e-4,3e-4; without "
                            "a stage, of all of them")  # fmt: skip
        parser.add_argument("--leave-out", action="store_true", help="launch the rest where combinations cannot be run")
        parser.add_argument("--name", default="", help="what to call it")
        parser.add_argument("--group", default="", help="recipes of one group belong together")
        parser.add_argument("--follow", action="store_true", help="show progress until it ends; Ctrl-C only looks away")

    def handle(self, *args: Any, **options: Any) -> None:
        recipe = _read(options["recipe"], options["size"])
        if options["seeds"] and options["seed"] is not None:
            raise CommandError("--seed and --seeds do not go together.")
        if options["grid"] and options["group"]:
            raise CommandError("--group does not go with --grid: its recipes are a group of their own.")
        try:
            with transaction.atomic():
                made = _launch(recipe, options)
        except UserError as error:
            raise CommandError(error.message) from error
        except ValidationError as error:
            raise CommandError(f"--seed {options['seed']}: {error.errors()[0]['msg']}") from error
        stages = f"{len(recipe.stages)} stage{'s' * (len(recipe.stages) > 1)}"
        for each in made:
            self.stdout.write(f"Recipe {each.pk} ({each.name}) is launched: {stages}.")
        if options["follow"]:
            self._follow(made)

    def _follow(self, made: Sequence[RecipeRun]) -> None:
        said: dict[int, str] = {}
        try:
            while any(each.stands.is_moving for each in made):
                time.sleep(POLL_S)
                for each in made:
                    each.refresh_from_db()
                    if (now := _progress(each)) != said.get(each.pk):
                        self.stdout.write(f"{each.name}: {now}" if len(made) > 1 else now)
                        self.stdout.flush()
                        said[each.pk] = now
        except KeyboardInterrupt:
            self.stdout.write("\nThe recipe goes on without you." if len(made) == 1 else "\nThey go on without you.")
            return
        for each in sorted(made, key=lambda each: each.stands == RecipeState.STOPPED):  # what failed is told first
            if each.stands == RecipeState.STOPPED:
                raise CommandError(f"Recipe {each.pk} was stopped.", returncode=STOPPED)
            if each.stands != RecipeState.SUCCEEDED:
                raise CommandError(
                    f"Recipe {each.pk}: the stage {each.failed_stage} failed. {each.error}", returncode=FAILED
                )


def _launch(recipe: Recipe, options: dict[str, Any]) -> list[RecipeRun]:
    """One recipe, or one for each seed and point of a grid."""
    seeds = read_seeds(options["seeds"]) if options["seeds"] else ()
    name, seed = options["name"], options["seed"]
    if options["grid"]:
        only = (0,) if seed is None else (seed,)
        plan = plan_grid(recipe, read_texts(recipe, options["grid"]), seeds or only)
        return start_grid(plan, name=name, leave_out=options["leave_out"])
    if seeds:
        name, seed = f"{(name or recipe.name)[:100]}, seed {seeds[0]}", seeds[0]
    first = create_recipe(recipe, name=name, group=options["group"], seed=seed)
    launch_recipe(first)
    return [first, *(repeat_with_seeds(first, seeds[1:], None) if seeds[1:] else ())]


def _read(given: str, size: str) -> Recipe:
    path = Path(given)
    if given in RECIPES and not path.exists():
        return RECIPES[given].recipe("full" if size == "full" else "builtin")
    if not path.exists():
        raise CommandError(f"There is neither a file nor a preset {given}; presets are {', '.join(RECIPES)}.")
    try:
        return parse_as(Recipe, path)
    except InputError as error:
        raise CommandError(str(error)) from error


def _progress(made: RecipeRun) -> str:
    """The stage under way and its run's figures."""
    links = links_of(made, made.recipe)
    link = next((link for link in links if not link.is_done), links[-1])
    words = progress_words(link.run) if link.run else "waits"
    return f"stage {link.number}/{len(links)} {link.stage.name}  {words}"
