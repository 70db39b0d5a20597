"""Which of its training problems a run takes, decided once before its first step: a tagged union keyed on ``kind``."""

from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from training.config.base import Config, impossible
from training.config.model import BuiltinModel, CheckpointModel, HubModel, LocalModel
from training.config.nearest import MOST_TOKENS


class RunsModel(Config):
    """The model that the run starts from."""

    kind: Literal["run"] = "run"


MeasuringModel = Annotated[
    RunsModel | BuiltinModel | LocalModel | HubModel | CheckpointModel, Field(discriminator="kind")
]


class NoJudge(Config):
    """Problems without an answer are left out."""

    kind: Literal["none"] = "none"


JudgeModel = Annotated[NoJudge | BuiltinModel | LocalModel | HubModel | CheckpointModel, Field(discriminator="kind")]


class AllProblems(Config):
    """Every training problem."""

    kind: Literal["all"] = "all"


class Measured(Config):
    """A selection by what a model answers."""

    samples: int = Field(default=8, ge=1, le=1024)
    """Responses to each problem (k)."""

    temperature: float = Field(default=1.0, gt=0, le=5)
    """Temperature of these responses."""

    max_tokens: int | None = Field(default=None, ge=1, le=MOST_TOKENS)
    """Longest response; empty takes the method's own limit (SRL: that of evaluations, which ask for whole answers)."""

    measured_by: MeasuringModel = RunsModel()


class PassRate(Measured):
    """Problems that are solved sometimes: the hard subset, or the middle where there is most to learn."""

    kind: Literal["pass_rate"] = "pass_rate"

    at_least: float = Field(default=0.0, ge=0, le=1)
    """Smallest share of right responses; above 0 leaves out what is never solved."""

    at_most: float = Field(default=0.25, ge=0, le=1)
    """Largest share of right responses (DeepSearch: 0.25)."""

    @model_validator(mode="after")
    def _some_share_is_between(self) -> Self:
        if self.at_least > self.at_most:
            raise impossible(
                f"no share is at least {self.at_least:g} and at most {self.at_most:g}",
                {"at_least": 0.0},
                {"at_most": 1.0},
            )
        return self


class NotAlwaysSolved(Measured):
    """Problems that are not solved by all k responses: what is always solved teaches nothing (rStar2-Agent)."""

    kind: Literal["not_always_solved"] = "not_always_solved"


class NotCached(Config):
    """Problems of which no earlier run has found a verified solution."""

    kind: Literal["not_cached"] = "not_cached"


class RejectionSampling(Measured):
    """The model's own right responses in place of worked solutions (DeepSeek-R1, third stage). For SFT only.

    What was cut at the longest length, and the same response twice, is left out in any case.
    """

    kind: Literal["rejection_sampling"] = "rejection_sampling"

    keep: int = Field(default=1, ge=1, le=1024)
    """Most responses kept of a problem."""

    prefer: Literal["drawn", "longest", "shortest"] = "drawn"
    """Which of a problem's are kept where there are more: those drawn first, the longest or the shortest."""

    one_script: bool = True
    """Leave out reasoning in which words of several scripts are mixed."""

    no_repetition: bool = True
    """Leave out endless repetition and garbled text."""

    longest_paragraph: int = Field(default=0, ge=0)
    """Leave out responses with a longer paragraph, in characters; 0 for no limit."""

    no_code: bool = False
    """Leave out reasoning with blocks of code."""

    judge: JudgeModel = NoJudge()

    judge_tokens: int = Field(default=512, ge=1, le=MOST_TOKENS)
    """Longest reply of the judge, its reasoning included."""


Selection = Annotated[
    AllProblems | PassRate | NotAlwaysSolved | NotCached | RejectionSampling, Field(discriminator="kind")
]
