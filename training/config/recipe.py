"""Recipes: an ordered list of runs, each of which may start from what an earlier one has trained."""

from typing import Self

from pydantic import Field, ValidationError, model_validator
from pydantic_core import InitErrorDetails

from training.config.base import Config, impossible
from training.config.chain import misfits_of
from training.config.stage import Stage, StageCheckpoint, StageName

__all__ = ["MOST_STAGES", "Recipe", "Stage", "StageCheckpoint", "StageName"]

MOST_STAGES = 32


class Recipe(Config):
    """Stages in the order in which they are trained."""

    name: str = Field(min_length=1, max_length=120)
    """What the recipe is called."""

    stages: tuple[Stage, ...] = Field(min_length=1, max_length=MOST_STAGES)

    def stage(self, name: str) -> Stage:
        """The stage of this name. Raises KeyError when there is none."""
        return {stage.name: stage for stage in self.stages}[name]

    @model_validator(mode="after")
    def _stages_fit_each_other(self) -> Self:
        """Every misfit is an error of its own, at the stage that it concerns."""
        errors = [
            InitErrorDetails(
                type=impossible(misfit.message, *misfit.fixes),
                loc=("stages", misfit.place),
                input=self.stages[misfit.place],
            )
            for misfit in misfits_of(self.stages)
        ]
        if errors:
            raise ValidationError.from_exception_data(type(self).__name__, errors)
        return self
