"""What the stages of a recipe take of memory, and all of them together of the disk, against what there is."""

from collections.abc import Sequence
from dataclasses import dataclass

from training.config.memory import Disk
from training.config.plan import plan_of
from training.config.recipe import Recipe, Stage
from webapp.recipes.checks import disk_of_run, foreseen
from webapp.runs.configure.facts import facts_of
from webapp.runs.configure.fits import Fit, fits_of, fleet_now
from webapp.runs.configure.machine import this_machine


@dataclass(frozen=True, slots=True)
class StageSize:
    """Of one stage; None where the size of its model is not known yet."""

    stage: Stage
    fit: Fit | None
    disk: Disk | None


@dataclass(frozen=True, slots=True)
class ChainSize:
    """Of the whole: stages take turns in memory, and what they leave on the disk adds up."""

    stages: Sequence[StageSize]
    disk_free: int

    @property
    def largest(self) -> StageSize | None:
        """The stage that takes most of what its device has."""
        known = [each for each in self.stages if each.fit]
        return max(known, key=lambda each: each.fit.needed / (each.fit.capacity or 1) if each.fit else 0, default=None)

    @property
    def disk(self) -> int:
        """Bytes at most of all stages whose size is known."""
        return sum(each.disk.total for each in self.stages if each.disk)

    @property
    def disk_is_short(self) -> bool:
        return self.disk > self.disk_free

    @property
    def unsized(self) -> list[str]:
        """Names of the stages whose model is not here yet."""
        return [each.stage.name for each in self.stages if each.disk is None]


def size_of(recipe: Recipe) -> ChainSize:
    """Every stage as it will be trained."""
    machine, fleet, sizes = this_machine(), fleet_now(), []
    for stage in recipe.stages:
        config = foreseen(recipe, stage)
        facts = facts_of(config)
        fits = fits_of(config, plan_of(config, facts.prompt_tokens), facts, machine, fleet)
        sizes.append(StageSize(stage, fits[0] if fits else None, disk_of_run(config, facts)))
    return ChainSize(sizes, machine.disk_free)
