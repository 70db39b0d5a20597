"""What an evaluation says besides answers and figures: which problems it asks."""

from typing import Literal

from pydantic import Field

from training.events.base import Event


class ProblemsAsked(Event):
    """The problems of an evaluation, before the first is answered. Lists are in the order of `ids`.

    Whatever an earlier attempt said of this is void.
    """

    kind: Literal["asked"] = "asked"
    ids: list[str]
    keys: list[str]
    """`problem_key` of each: the same in every run and set that asks it."""
    levels: list[str]
    splits: list[str]
    """Half of the problem set that each is of."""
    trained_on: int = Field(default=0, ge=0)
    """Problems left out because the model was trained on them."""
    unusable: int = Field(default=0, ge=0)
    """Problems left out because they have no answer, or their prompt leaves no room."""
