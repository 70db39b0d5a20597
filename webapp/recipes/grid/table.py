"""The settings of a group of recipes side by side: what differs, and what each stage came to over their seeds."""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from pydantic import ValidationError

from training.config.recipe import Recipe
from webapp.recipes.family import Member, family_of, seed_of, shape_of
from webapp.recipes.models import RecipeRun
from webapp.recipes.seed_table import StageRow, seed_table
from webapp.recipes.status import RESUMABLE
from webapp.reports.sweeps.plan import MOST_RUNS
from webapp.runs.config_table import compare
from webapp.runs.configure.words import label_of, shown


@dataclass(frozen=True, slots=True)
class SettingRow:
    """One setting with its seeds."""

    members: Sequence[Member]
    values: Sequence[str]
    """Of the knobs that differ, in the order of the table's heads."""
    stages: Sequence[StageRow]
    is_best: bool = False

    @property
    def first(self) -> RecipeRun:
        return self.members[0].recipe_run

    @property
    def going(self) -> int:
        return sum(member.recipe_run.stands.is_moving for member in self.members)

    @property
    def early(self) -> int:
        return sum(member.recipe_run.stands in RESUMABLE for member in self.members)

    @property
    def final(self) -> float | None:
        """Mean held-out pass@1 at the end of the last stage."""
        last = self.stages[-1].figures[0]
        return last.spread.mean if last else None


@dataclass(frozen=True, slots=True)
class GridTable:
    """Settings, those with the best mean first."""

    heads: Sequence[str]
    """What differs: stage and knob, or the knob alone where all stages that have it agree."""
    stages: Sequence[str]
    rows: Sequence[SettingRow]

    @property
    def going(self) -> int:
        return sum(row.going for row in self.rows)


def grid_table(recipe_run: RecipeRun, recipe: Recipe) -> GridTable:
    """The recipe and those of its group with the same stages; without a group it and its seeds."""
    names = [stage.name for stage in recipe.stages]
    settings = _settings(recipe_run, names)
    differing = _differing([members[0].recipe for members in settings])
    rows = [
        SettingRow(members, [shown(values[place]) for _, values in differing], seed_table(members).stages)
        for place, members in enumerate(settings)
    ]
    ranked = sorted(rows, key=lambda row: (row.final is None, -(row.final or 0.0)))
    most = max((row.stages[-1].done for row in ranked), default=0)
    full = [row for row in ranked if row.final is not None and row.stages[-1].done == most]
    best = full[0] if len(full) > 1 else None
    marked = [SettingRow(row.members, row.values, row.stages, row is best) for row in ranked]
    return GridTable([head for head, _ in differing], names, marked)


def _settings(recipe_run: RecipeRun, names: Sequence[str]) -> list[list[Member]]:
    """Recipes that train the same but for the seed, together; in the order in which they were made."""
    if not recipe_run.group:
        return [family_of(recipe_run)]
    found: dict[str, dict[int | None, Member]] = defaultdict(dict)
    for row in RecipeRun.objects.filter(group=recipe_run.group).order_by("pk")[:MOST_RUNS]:
        try:
            recipe = row.recipe
        except ValidationError:  # of another version
            continue
        if [stage.name for stage in recipe.stages] == names:
            seed = seed_of(recipe)
            found[shape_of(row.config)][seed] = Member(row, recipe, seed)
    return [
        sorted(each.values(), key=lambda member: (member.seed is None, member.seed or 0)) for each in found.values()
    ]


def _differing(recipes: Sequence[Recipe]) -> list[tuple[str, Sequence[Any]]]:
    """Heads and values, recipe by recipe, of the knobs that are not the same in all."""
    found: dict[tuple[str, str], list[str]] = {}
    values: dict[tuple[str, str], Sequence[Any]] = {}
    for place, stage in enumerate(recipes[0].stages):
        for row in compare([each.stages[place].run.model_dump(mode="json") for each in recipes]):
            if row.differs and row.path != "seed":
                key = row.path, repr(row.values)
                found.setdefault(key, []).append(stage.name)
                values[key] = row.values
    alone = [path for path, _ in found]
    return [
        (label_of(path) if len(stages) > 1 and alone.count(path) == 1 else f"{', '.join(stages)}: {label_of(path)}",
         values[path, key])
        for (path, key), stages in found.items()
    ]  # fmt: skip
