"""What happened in a response of several turns: the model's turns, its tool calls, and when."""

from dataclasses import dataclass, field

from training.events.traces import FAILED_CALLS, CallStatus, Ending


@dataclass(slots=True)
class Turn:
    """One turn of the model: tokens [start, end) of the response; seconds count from the response's beginning."""

    start: int
    end: int
    began: float
    """When the model could have begun to write it: the prompt was there, or the tools' results."""
    ended: float
    entered: float = 0.0
    """When it did begin; until then it waited for a place among the responses being written."""


@dataclass(slots=True)
class ToolCall:
    """One call, as the model wrote it and as it went; seconds count from the response's beginning."""

    turn: int
    """Number of the turn that wrote it, from 0."""
    name: str
    """Of the tool; empty where it could not be read."""
    arguments: str
    """JSON of the arguments, or the text as it stands where it could not be read."""
    status: CallStatus
    result: str = ""
    """As the model was shown it."""
    stdout: str = ""
    stderr: str = ""
    value: str = ""
    """Of a last expression, as a Python prompt would show it."""
    error: str = ""
    """One line: what went wrong, and where."""
    truncated: bool = False
    """Whether the result was longer than the model may be shown."""
    start: int = 0
    end: int = 0
    """Tokens [start, end) of the response that show the result; empty where the model never saw it."""
    began: float = 0.0
    ended: float = 0.0
    queue_s: float = 0.0
    """Seconds it waited for a free place to run in."""
    wall_s: float = 0.0
    """Seconds it ran."""

    @property
    def answered(self) -> bool:
        """Whether the model was given a result, be it an error."""
        return self.status != "unanswered"

    @property
    def failed(self) -> bool:
        """Whether the model's own call was at fault."""
        return self.status in FAILED_CALLS


@dataclass(slots=True)
class Trace:
    """All of a response."""

    turns: list[Turn] = field(default_factory=list)
    calls: list[ToolCall] = field(default_factory=list)
    ending: Ending = "answered"
    answers: int = 0
    """Answer tags that the model opened, over all turns."""
    seconds: float = 0.0
    """From its beginning to its end."""
    diff: str = ""
    """Where it had a repository, all that it changed in it."""
    tests: str = ""
    """What the tests said of that in the end."""
