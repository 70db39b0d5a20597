"""The settings of a group of recipes side by side: what differs, and what each stage came to over their seeds."""

from collections import defaultdict
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import Any

from pydantic import ValidationError

from training.config.recipe import Recipe
from webapp.recipes.family import LOOKED_AT, Member, by_seed, family_of, seed_of, shape_of
from webapp.recipes.models import RecipeRun
from webapp.recipes.seed_table import SeedTable, StageRow, seed_tables
from webapp.recipes.status import RESUMABLE, RecipeState
from webapp.reports.statistics import spread_of
from webapp.reports.wording import gap_words
from webapp.runs.config_table import compare
from webapp.runs.configure.words import label_of, shown


@dataclass(frozen=True, slots=True)
class SettingRow:
    """One setting with its seeds."""

    members: Sequence[Member]
    values: Sequence[str]
    """Of the knobs that differ, in the order of the table's heads."""
    table: SeedTable
    is_best: bool = False
    """Its mean is the best one, of settings with as many seeds as any."""

    @property
    def stages(self) -> Sequence[StageRow]:
        return self.table.stages

    @property
    def finals(self) -> dict[int, float]:
        """Seed → held-out pass@1 at the end of the last stage, where that is done."""
        ends = [(row.member.seed, row.finals[-1][1]) for row in self.table.members]
        return {seed: value for seed, value in ends if seed is not None and value is not None}

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
    """Settings, those with the best mean first, behind them those that lack seeds which others have."""

    heads: Sequence[str]
    """What differs: stage and knob, or the knob alone where all stages that have it agree."""
    stages: Sequence[str]
    rows: Sequence[SettingRow]
    lead: str = ""
    """How far the best is ahead of the next, in words; empty where fewer than two seeds tell."""

    @property
    def going(self) -> int:
        return sum(row.going for row in self.rows)

    @property
    def early(self) -> int:
        return sum(row.early for row in self.rows)

    @property
    def members(self) -> list[Member]:
        """All recipes."""
        return [member for row in self.rows for member in row.members]


def grid_table(recipe_run: RecipeRun, recipe: Recipe) -> GridTable:
    """The recipe and those of its group with the same stages; without a group it and its seeds."""
    names = [stage.name for stage in recipe.stages]
    settings = _settings(recipe_run, names)
    differing = _differing([members[0].recipe for members in settings])
    rows = [
        SettingRow(members, [shown(values[place]) for _, values in differing], table)
        for place, (members, table) in enumerate(zip(settings, seed_tables(settings), strict=True))
    ]
    most = max((row.stages[-1].done for row in rows), default=0)
    ranked = sorted(rows, key=lambda row: (row.final is None, row.stages[-1].done < most, -(row.final or 0.0)))
    full = [row for row in ranked if row.final is not None and row.stages[-1].done == most]
    best = full[0] if len(full) > 1 else None
    marked = [replace(row, is_best=row is best) for row in ranked]
    return GridTable([head for head, _ in differing], names, marked, _lead(*full[:2]) if best else "")


def _lead(best: SettingRow, other: SettingRow) -> str:
    """How far the best mean is ahead of the next, over seeds that both have done: those share their chance."""
    both = [(best.finals[seed], other.finals[seed]) for seed in best.finals if seed in other.finals]
    ahead = spread_of([mine - its for mine, its in both])
    figure = best.stages[-1].figures[0]
    if ahead is None or ahead.interval is None or figure is None:
        return ""
    low, high = ahead.interval
    gap = gap_words(figure.info, ahead)
    words = f"The best mean is ahead of the next by {gap}, over the {ahead.n} seeds that both have."
    return f"{words} It may be chance: the interval holds 0." if low <= 0 <= high else words


def _settings(recipe_run: RecipeRun, names: list[str]) -> list[list[Member]]:
    """Recipes that train the same but for the seed, together; in the order in which they were made.

    Of two with the same seed the later one counts. Drafts are no part of it, but for the recipe alone.
    """
    if not recipe_run.group:
        return [family_of(recipe_run)]
    rows = RecipeRun.objects.filter(group=recipe_run.group).exclude(state=RecipeState.DRAFT).order_by("-pk")
    found: dict[str, dict[int | None, Member]] = defaultdict(dict)
    for row in rows[:LOOKED_AT]:
        with suppress(ValidationError):  # of another version
            recipe = row.recipe
            if [stage.name for stage in recipe.stages] == names:
                seed = seed_of(recipe)
                found[shape_of(row.config)].setdefault(seed, Member(row, recipe, seed))
    groups = sorted(found.values(), key=lambda each: min(member.recipe_run.pk for member in each.values()))
    return [by_seed(each.values()) for each in groups] or [family_of(recipe_run)]


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
