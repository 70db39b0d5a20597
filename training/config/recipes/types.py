"""What a recipe preset is: stages whose values have reasons, at the size of the built-in model and at full size."""

from dataclasses import dataclass
from functools import cached_property
from typing import Literal

from training.config.presets.types import Choice, nested
from training.config.recipe import Recipe, Stage, StageCheckpoint
from training.config.run import RunConfig

Size = Literal["builtin", "full"]
"""builtin: the model that ships, on two cores in minutes. full: the source's numbers, for a model of the hub."""


@dataclass(frozen=True, slots=True)
class StagePreset:
    """One stage: what it is for, and where it leaves the defaults."""

    name: str
    purpose: str
    """Why the recipe has it, in a sentence."""
    choices: tuple[Choice, ...]
    """Knobs of its run, by their path in a run's config."""
    model_from: StageCheckpoint | None = None
    reward_model_from: StageCheckpoint | None = None
    selection_model_from: StageCheckpoint | None = None

    @property
    def stage(self) -> Stage:
        """As a recipe holds it."""
        return Stage(
            name=self.name,
            run=RunConfig.model_validate(nested(self.choices)),
            model_from=self.model_from,
            reward_model_from=self.reward_model_from,
            selection_model_from=self.selection_model_from,
        )


@dataclass(frozen=True)
class Variant:
    """A recipe at one size."""

    size: Size
    needs: str
    """What must be there before it can start; empty for nothing."""
    shows: str
    """What comes out of it: measured here, or as published."""
    stages: tuple[StagePreset, ...]
    minutes: int | None = None
    """On two cores, as measured; None for a size that was not measured."""


@dataclass(frozen=True)
class RecipePreset:
    """A published recipe, or one of ours, in both sizes."""

    slug: str
    title: str
    summary: str
    source: str
    """The paper; empty for our own."""
    builtin: Variant
    full: Variant

    def variant(self, size: Size) -> Variant:
        """The one of this size."""
        return self.builtin if size == "builtin" else self.full

    def recipe(self, size: Size) -> Recipe:
        """The recipe to edit or to start."""
        return self._recipes[size]

    @cached_property
    def _recipes(self) -> dict[Size, Recipe]:
        sizes: tuple[Size, ...] = ("builtin", "full")
        return {size: Recipe(name=self.title, stages=self._stages(size)) for size in sizes}

    def _stages(self, size: Size) -> tuple[Stage, ...]:
        return tuple(preset.stage for preset in self.variant(size).stages)


def last_of(stage: str) -> StageCheckpoint:
    """The last checkpoint of an earlier stage."""
    return StageCheckpoint(stage=stage)


def best_of(stage: str) -> StageCheckpoint:
    """The best checkpoint of an earlier stage, by its held-out figure."""
    return StageCheckpoint(stage=stage, checkpoint="best")
