"""A stage of a recipe: a run that may start from what an earlier stage has trained."""

from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from training.config.base import Config, impossible
from training.config.learned import NoRewardModel, RewardCheckpoint, RewardModelSource
from training.config.model import BuiltinModel, ModelSource
from training.config.rl import RlMethod
from training.config.run import RunConfig
from training.config.selection import Measured, PassRate, RunsModel

StageName = Annotated[str, Field(min_length=1, max_length=40, pattern=r"^[a-z0-9][a-z0-9-]*$")]


class StageCheckpoint(Config):
    """A checkpoint that an earlier stage saves."""

    stage: StageName
    """Name of the earlier stage."""

    checkpoint: Literal["last", "best"] = "last"
    """last: of its last step. best: the one with its best held-out figure (see checkpoints.keep_best)."""


class Stage(Config):
    """One run of a recipe. It begins when the stage before has done all its steps."""

    name: StageName
    """Short name in lower case, such as cold-start; no two stages share one."""

    run: RunConfig = RunConfig()

    model_from: StageCheckpoint | None = None
    """Earlier stage whose model this one goes on with, with a new optimiser; empty takes the model that run names."""

    reward_model_from: StageCheckpoint | None = None
    """Earlier stage whose reward model pays the responses of this one; empty takes what run names."""

    selection_model_from: StageCheckpoint | None = None
    """Earlier stage whose model answers the problems that this one selects from (see run.selection); empty takes what
    run names."""

    @model_validator(mode="after")
    def _models_have_one_origin(self) -> Self:
        if self.model_from and self.run.model != BuiltinModel():
            raise impossible(
                f"the stage {self.name} takes its model from the stage {self.model_from.stage}, and run.model names "
                "another one",
                {"model_from": None},
                {"run.model": BuiltinModel().model_dump()},
            )
        return self

    @model_validator(mode="after")
    def _problems_are_measured_once(self) -> Self:
        if self.selection_model_from is None:
            return self
        selection, source = self.run.selection, self.selection_model_from.stage
        if not isinstance(selection, Measured):
            raise impossible(
                f"the stage {self.name} selects problems by {selection.kind}, which asks no model",
                {"selection_model_from": None},
                {"run.selection": PassRate().model_dump()},
            )
        if selection.measured_by != RunsModel():
            raise impossible(
                f"the stage {self.name} selects problems by answers of the stage {source}, and "
                "run.selection.measured_by names another model",
                {"selection_model_from": None},
            )
        return self

    @model_validator(mode="after")
    def _rewards_have_one_origin(self) -> Self:
        if self.reward_model_from is None:
            return self
        method = self.run.method
        if not isinstance(method, RlMethod):
            raise impossible(
                f"the stage {self.name} trains with {method.kind}, which asks no reward model",
                {"reward_model_from": None},
            )
        if method.reward.learned.model not in (NoRewardModel(), RewardCheckpoint()):
            raise impossible(
                f"the stage {self.name} takes its reward model from the stage {self.reward_model_from.stage}, and "
                "run.method.reward.learned.model names another one",
                {"reward_model_from": None},
            )
        return self

    @property
    def sources(self) -> tuple[StageCheckpoint, ...]:
        """What this stage takes from earlier ones."""
        named = (self.model_from, self.reward_model_from, self.selection_model_from)
        return tuple(source for source in named if source)

    def resolved(
        self,
        model: ModelSource | None = None,
        reward_model: RewardModelSource | None = None,
        selection_model: ModelSource | None = None,
    ) -> RunConfig:
        """The config to train, once what earlier stages saved has a place. What is not given stays as `run` has it."""
        values = self.run.model_dump()
        if model:
            values["model"] = model.model_dump()
        if reward_model:
            values["method"]["reward"]["learned"]["model"] = reward_model.model_dump()
        if selection_model:
            values["selection"]["measured_by"] = selection_model.model_dump()
        return RunConfig.model_validate(values)
