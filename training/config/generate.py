"""Knobs of a generation: models answer prompts, and what they write is labeled by people. Nothing is trained."""

from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from training.config.base import Config, impossible
from training.config.hardware import HardwareConfig
from training.config.model import BuiltinModel, ModelSource, PromptConfig
from training.config.problems import BuiltinProblems, ProblemSource

MOST_MODELS = 9
MOST_PROMPTS = 5_000
LONGEST_PROMPT = 100_000


class SetPrompts(Config):
    """Prompts of a problem set; the verifier judges the answers to them."""

    kind: Literal["set"] = "set"

    problems: ProblemSource = BuiltinProblems()

    split: Literal["heldout", "train"] = "heldout"
    """Half of the set that is asked."""

    count: int = Field(default=50, ge=1, le=MOST_PROMPTS)
    """Prompts taken, chosen by the seed; all of them where the set has fewer."""


class TypedPrompts(Config):
    """Prompts that somebody wrote; nobody knows the right answer."""

    kind: Literal["typed"] = "typed"

    texts: tuple[Annotated[str, Field(min_length=1, max_length=LONGEST_PROMPT)], ...] = Field(
        min_length=1, max_length=MOST_PROMPTS
    )
    """One a prompt."""


PromptSource = Annotated[SetPrompts | TypedPrompts, Field(discriminator="kind")]


class GenerationSampling(Config):
    """How every model answers every prompt."""

    samples: int = Field(default=4, ge=1, le=64)
    """Different responses wanted of each model to each prompt. Equal ones count once, and are asked for again."""

    temperature: float = Field(default=1.0, ge=0, le=5)
    """Temperature; at 0 a model has one response to a prompt."""

    top_p: float = Field(default=1.0, gt=0, le=1)
    """Smallest set of tokens whose probability reaches this; 1 keeps all."""

    max_tokens: int = Field(default=96, ge=1, le=131_072)
    """Longest response; a longer one is cut off."""

    template: Literal["chat", "r1_zero", "plain"] = "chat"
    """How a prompt is put to the built-in model, a folder or a hub model. chat: the tokenizer's chat template. r1_zero:
    DeepSeek-R1-Zero's. plain: the bare prompt. Checkpoints are asked as they were trained."""

    seed: int = Field(default=0, ge=0, le=2**31 - 1)
    """Fixes which prompts are taken and what is drawn."""

    @model_validator(mode="after")
    def _several_responses_need_chance(self) -> Self:
        if self.temperature == 0 and self.samples > 1:
            raise impossible("at temperature 0 a model has one response", {"samples": 1}, {"temperature": 1.0})
        return self


class GeneratingModel(Config):
    """A model that answers, and the way prompts are put to it."""

    source: ModelSource = BuiltinModel()

    prompt: PromptConfig = PromptConfig()

    name: str = Field(default="", max_length=160)
    """What it is called where its responses are counted."""


class GenerationConfig(Config):
    """One generation: every model answers every prompt."""

    models: tuple[GeneratingModel, ...] = Field(default=(GeneratingModel(),), min_length=1, max_length=MOST_MODELS)
    """They answer one after another."""

    prompts: PromptSource = SetPrompts()

    sampling: GenerationSampling = GenerationSampling()

    hardware: HardwareConfig = HardwareConfig()
