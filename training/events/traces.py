"""What a response of several turns says of its turns and tool calls. Seconds count from the response's beginning."""

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

CallStatus = Literal[
    "ok", "error", "timeout", "memory", "malformed", "unknown_tool", "bad_arguments", "infrastructure", "unanswered"
]
"""How a tool call went.

ok, error, timeout, memory: it ran, and ended like this. malformed, unknown_tool, bad_arguments: it could not be run as
it was written. infrastructure: the service that runs tools failed, and the call is not to blame. unanswered: it was not
run, being one too many or in the last turn.
"""

FAILED_CALLS: tuple[CallStatus, ...] = ("error", "timeout", "memory", "malformed", "unknown_tool", "bad_arguments")
"""What counts as the model's own mistake."""

Ending = Literal["answered", "budget", "turns", "result", "abort"]
"""Why a response ended. answered: a turn without a call. budget: the longest response was reached within a turn. turns:
the last turn that is allowed called a tool. result: the tool's result found no room in the longest response."""


class TurnRecord(BaseModel):
    """One turn of the model."""

    model_config = ConfigDict(extra="forbid", frozen=True, ser_json_inf_nan="null")

    start: int = Field(ge=0)
    """Its tokens are [start, end) of the response."""
    end: int = Field(ge=0)
    began: float
    """When it could begin: the prompt was there, or the tools' results."""
    entered: float
    """When it did begin, after waiting for a place among the responses being written."""
    ended: float


class ToolCallRecord(BaseModel):
    """One tool call, as the model wrote it and as it went."""

    model_config = ConfigDict(extra="forbid", frozen=True, ser_json_inf_nan="null")

    turn: int = Field(ge=0)
    """Number of the turn that wrote it, from 0."""
    name: str
    """Of the tool; empty where it could not be read."""
    arguments: str
    """JSON of the arguments, or the call as it stands where it could not be read."""
    status: CallStatus
    result: str = ""
    """As the model was shown it."""
    stdout: str = ""
    stderr: str = ""
    value: str = ""
    """Of a last expression."""
    error: str = ""
    """One line: what went wrong."""
    truncated: bool = False
    """Whether the model was shown a part only."""
    start: int = Field(default=0, ge=0)
    """Tokens [start, end) of the response show the result; empty where the model never saw it."""
    end: int = Field(default=0, ge=0)
    began: float = 0.0
    ended: float = 0.0
    queue_s: float = 0.0
    """Of these seconds it waited for a free place."""
    wall_s: float = 0.0
    """And this long it ran."""


class TraceRecord(BaseModel):
    """The turns and calls of a response."""

    model_config = ConfigDict(extra="forbid", frozen=True, ser_json_inf_nan="null")

    turns: list[TurnRecord]
    calls: list[ToolCallRecord] = []
    ending: Ending = "answered"
    answers: int = Field(default=0, ge=0)
    """Answer tags that the model opened."""
    seconds: float = 0.0
    """From its beginning to its end."""
    diff: str = ""
    """Where it had a repository, all that it changed in it, as a unified diff."""
    tests: str = ""
    """What the repository's own tests said of that in the end."""
