"""Knobs of teaching: a teacher writes solutions to problems, the right ones are kept, and their steps may be numbered.

What comes out is a problem set with worked solutions, for SFT and SRL.
"""

from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from training.config.base import Config, impossible
from training.config.hardware import HardwareConfig
from training.config.model import BuiltinModel, HubModel, LocalModel, ModelSource, PromptConfig
from training.config.problems import BuiltinProblems, ProblemSource

MOST_PROBLEMS = 20_000
Keep = Literal["first", "shortest", "all"]


class ModelTeacher(Config):
    """A model that answers in this process."""

    kind: Literal["model"] = "model"

    source: ModelSource = BuiltinModel()

    prompt: PromptConfig = PromptConfig()


class EndpointTeacher(Config):
    """A model behind an API of the shape of OpenAI's, hosted by others or by a server of your own."""

    kind: Literal["endpoint"] = "endpoint"

    base_url: str = Field(min_length=1, max_length=400, pattern=r"^https?://[^\s@?#]+$")
    """Address of the API, up to what stands before /chat/completions, such as http://localhost:8001/v1."""

    model: str = Field(min_length=1, max_length=200)
    """Name of the model there."""

    api_key_variable: str = Field(default="", max_length=100, pattern=r"^([A-Z][A-Z0-9_]*_API_KEY)?$")
    """Name of the environment variable of the workers that holds the key, ending in _API_KEY; empty for none. The key
    itself is never stored."""

    system: str = Field(
        default="Solve the problem step by step. Put the final answer into \\boxed{}.", max_length=20_000
    )
    """System message before each problem; empty for none. The verifier reads answers from \\boxed{}, <answer> tags or
    after ####."""

    length_field: Literal["max_tokens", "max_completion_tokens"] = "max_tokens"
    """What the API calls the longest answer; OpenAI's reasoning models want max_completion_tokens."""

    reasoning: Literal["leave_out", "keep"] = "leave_out"
    """Reasoning that the API gives beside the answer. keep: put into <think> tags before it."""

    at_once: int = Field(default=4, ge=1, le=64)
    """Requests under way at the same time."""

    timeout_s: float = Field(default=120.0, gt=0, le=3600)
    """Longest time an answer may take, in seconds."""

    retries: int = Field(default=4, ge=0, le=20)
    """How often a request is sent again after a timeout, a 429 or a fault of the server, after longer and longer
    pauses or as long as the server asks for."""

    price_in: float = Field(default=0.0, ge=0, le=100_000)
    """Price of a million tokens of input, in dollars."""

    price_out: float = Field(default=0.0, ge=0, le=100_000)
    """Price of a million tokens of output, in dollars."""


Teacher = Annotated[ModelTeacher | EndpointTeacher, Field(discriminator="kind")]


class TeacherSampling(Config):
    """How a problem is asked, and which of the right answers are kept."""

    samples: int = Field(default=4, ge=1, le=64)
    """Answers a problem, at most."""

    keep: Keep = "shortest"
    """first: the first right answer; no further one is asked for. shortest: the shortest of the right ones. all: all
    different right ones, each as a problem of its own."""

    temperature: float = Field(default=1.0, ge=0, le=5)
    """Temperature; at 0 a problem has one answer."""

    top_p: float = Field(default=1.0, gt=0, le=1)
    """Smallest set of tokens whose probability reaches this; 1 keeps all."""

    max_tokens: int = Field(default=512, ge=1, le=131_072)
    """Longest answer; one that is cut off is not kept."""

    seed: int = Field(default=0, ge=0, le=2**31 - 1)
    """Fixes which problems are taken, and what a model draws; an endpoint draws as it likes."""

    @model_validator(mode="after")
    def _several_answers_need_chance(self) -> Self:
        if self.temperature == 0 and self.samples > 1:
            raise impossible("at temperature 0 a problem has one answer", {"samples": 1}, {"temperature": 1.0})
        return self


class SolutionFilters(Config):
    """What is dropped of right answers."""

    least_characters: int = Field(default=0, ge=0, le=1_000_000)
    """Drop answers with fewer characters; a bare guess that happens to be right teaches nothing."""

    most_characters: int = Field(default=0, ge=0, le=1_000_000)
    """Drop answers with more characters; 0 keeps all."""

    most_repeated: float = Field(default=1.0, ge=0, le=1)
    """Drop answers of which a larger share of all sequences of 4 words stood there before; 1 keeps all."""

    one_script: bool = False
    """Drop answers in which more than 1 in 20 words is of another script than most, such as Chinese amid English."""


class NoRewrite(Config):
    """Solutions stay as the teacher wrote them."""

    kind: Literal["none"] = "none"


class NumberedSteps(Config):
    """Every kept solution is written again as numbered steps with titles."""

    kind: Literal["steps"] = "steps"

    by: Teacher | None = None
    """Who rewrites; None for the teacher itself."""

    max_tokens: int = Field(default=2048, ge=1, le=131_072)
    """Longest rewritten solution; one that is cut off is not kept."""

    temperature: float = Field(default=0.0, ge=0, le=5)
    """Temperature of rewriting."""


Rewrite = Annotated[NoRewrite | NumberedSteps, Field(discriminator="kind")]


class TeachConfig(Config):
    """One teaching: which problems, who solves them, what is kept of it."""

    problems: ProblemSource = BuiltinProblems()

    split: Literal["train", "heldout"] = "train"
    """Half of the set that is solved. Problems stay in their half: what was held out is not trained on."""

    count: int = Field(default=100, ge=1, le=MOST_PROBLEMS)
    """Problems taken, chosen by the seed; all of them where the set has fewer."""

    heldout: int = Field(default=256, ge=0, le=MOST_PROBLEMS)
    """When training problems are solved: held-out ones that the new set takes along without solutions, so that runs on
    it are evaluated; 0 for none."""

    teacher: Teacher = ModelTeacher()

    sampling: TeacherSampling = TeacherSampling()

    filters: SolutionFilters = SolutionFilters()

    rewrite: Rewrite = NoRewrite()

    hardware: HardwareConfig = HardwareConfig()

    @property
    def rewriter(self) -> ModelTeacher | EndpointTeacher | None:
        """Who rewrites; None where nobody does."""
        return (self.rewrite.by or self.teacher) if isinstance(self.rewrite, NumberedSteps) else None

    @model_validator(mode="after")
    def _rewriters_can_follow_instructions(self) -> Self:
        rewriter = self.rewriter
        if isinstance(rewriter, ModelTeacher) and isinstance(rewriter.source, BuiltinModel):
            raise impossible(
                "the built-in model knows arithmetic only and cannot rewrite; name another rewriter, or leave its "
                "solutions as they are: SRL cuts them by lines",
                {"rewrite.kind": "none"},
            )
        return self


def name_of(teacher: ModelTeacher | EndpointTeacher) -> str:
    """What a teacher is called where its solutions are shown."""
    if isinstance(teacher, EndpointTeacher):
        return teacher.model
    source = teacher.source
    if isinstance(source, BuiltinModel):
        return "the built-in model"
    if isinstance(source, HubModel):
        return source.name
    return source.path if isinstance(source, LocalModel) else f"run {source.run}, step {source.step}"


def problems_name(problems: ProblemSource) -> str:
    """What a source of problems is called there."""
    if isinstance(problems, BuiltinProblems):
        return f"built-in arithmetic, {problems.level}"
    return getattr(problems, "slug", "") or str(getattr(problems, "path", ""))
