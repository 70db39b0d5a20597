"""What all events have in common."""

import time
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

Split = Literal["train", "heldout"]


class Event(BaseModel):
    """Common part of all events."""

    model_config = ConfigDict(extra="forbid", frozen=True, ser_json_inf_nan="null")

    step: int = Field(ge=0)
    at: float = Field(default_factory=time.time)
    """Seconds since the epoch."""
