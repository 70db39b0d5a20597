"""What a run says of the choice of its training problems."""

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

from training.events.base import Event


class SelectedProblem(BaseModel):
    """A problem that a selection looked at, to show."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    problem_id: str
    prompt: str
    answer: str
    reason: str = ""
    """Why it is left out; empty for one that stays."""
    right: int | None = None
    """Right responses among those sampled; None where nothing was sampled."""
    response: str = ""
    """The first response to it, or the one that is its solution now; empty where nothing was sampled."""


class ProblemsSelected(Event):
    """Which training problems a run takes, said once before its first step."""

    kind: Literal["selected"] = "selected"
    rule: str
    """Kind of the selection in the config."""
    asked: int = Field(ge=0)
    """Problems that were there."""
    kept: int = Field(ge=0)
    """Problems that stay."""
    dropped: dict[str, int] = {}
    """Problems left out, by reason."""
    samples: int = Field(default=0, ge=0)
    """Responses to each problem; 0 where nothing was sampled."""
    solutions: int = Field(default=0, ge=0)
    """With rejection sampling: right responses that are imitated now."""
    filtered: dict[str, int] = {}
    """With rejection sampling: right responses left out, by reason."""
    right: list[int] = []
    """How many problems have 0, 1, … right responses; [samples + 1], empty where nothing was sampled."""
    tokens: int = Field(default=0, ge=0)
    """Sampled for it, over all attempts."""
    seconds: float = Field(default=0.0, ge=0)
    """Of this attempt."""
    examples: list[SelectedProblem] = []
    """A few of each reason."""
