"""A question put to one model or to several side by side, in a conversation; nothing is trained."""

from typing import Literal, Self

from pydantic import Field, model_validator

from training.config.base import Config, impossible
from training.config.generate import LONGEST_PROMPT, GeneratingModel
from training.config.hardware import HardwareConfig

MOST_TURNS = 64


class ChatTurn(Config):
    """What was said so far."""

    role: Literal["user", "assistant"]
    """Who said it."""

    text: str = Field(min_length=1, max_length=LONGEST_PROMPT)
    """What was said."""


class ChatSampling(Config):
    """How the models answer."""

    samples: int = Field(default=1, ge=1, le=8)
    """Responses of each model, side by side."""

    temperature: float = Field(default=1.0, ge=0, le=5)
    """Temperature; at 0 a model has one response."""

    top_p: float = Field(default=1.0, gt=0, le=1)
    """Smallest set of tokens whose probability reaches this; 1 keeps all."""

    max_tokens: int = Field(default=256, ge=1, le=131_072)
    """Longest response; a longer one is cut off."""

    seed: int = Field(default=0, ge=0, le=2**31 - 1)
    """The same seed draws the same responses."""

    @model_validator(mode="after")
    def _several_responses_need_chance(self) -> Self:
        if self.temperature == 0 and self.samples > 1:
            raise impossible("at temperature 0 a model has one response", {"samples": 1}, {"temperature": 1.0})
        return self


class ChatConfig(Config):
    """One question: every model answers the last turn."""

    models: tuple[GeneratingModel, ...] = Field(default=(GeneratingModel(),), min_length=1, max_length=2)
    """They answer one after the other."""

    turns: tuple[ChatTurn, ...] = Field(min_length=1, max_length=MOST_TURNS)
    """The conversation, ended by what is asked."""

    answer: str = Field(default="", max_length=10_000)
    """Reference answer; where there is one, the verifier judges each response by it."""

    sampling: ChatSampling = ChatSampling()

    hardware: HardwareConfig = HardwareConfig()

    @model_validator(mode="after")
    def _turns_alternate(self) -> Self:
        roles = [turn.role for turn in self.turns]
        if roles != ["user", "assistant"] * (len(roles) // 2) + ["user"]:
            raise ValueError("user and assistant take turns, and the user has the last word")
        return self
