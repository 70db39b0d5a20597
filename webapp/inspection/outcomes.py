"""How tool calls and responses of several turns ended, as icon, word and colour: never as colour alone."""

from dataclasses import dataclass

from training.events import FAILED_CALLS, CallStatus, Ending


@dataclass(frozen=True, slots=True)
class Outcome:
    """How a call went."""

    icon: str
    word: str
    tone: str
    """Name of the badge's colour."""
    meaning: str
    is_fault: bool = False
    """Whether it counts as the model's own mistake."""


_OUTCOMES: dict[CallStatus, tuple[str, str, str, str]] = {
    "ok": ("✓", "ran", "good", "The program ran to its end"),
    "error": ("✕", "error", "bad", "The program raised an error"),
    "timeout": ("◷", "out of time", "cut", "The program was stopped at its time limit"),
    "memory": ("▦", "out of memory", "cut", "The program took more memory than it may"),
    "malformed": ("⸮", "not readable", "unread", "The call is no JSON, or lacks a name or arguments"),
    "unknown_tool": ("⸮", "no such tool", "unread", "The call names a tool there is not"),
    "bad_arguments": ("⸮", "wrong arguments", "unread", "The tool cannot take these arguments"),
    "infrastructure": ("⚠", "service failed", "warn", "The service that runs tools failed; the call is not to blame"),
    "unanswered": ("∅", "nobody ran it", "", "One call too many, or made in the last turn"),
}
OUTCOMES: dict[str, Outcome] = {
    status: Outcome(*look, is_fault=status in FAILED_CALLS) for status, look in _OUTCOMES.items()
}

_ENDINGS: dict[Ending, str] = {
    "answered": "by itself, in a turn without a call",
    "budget": "cut within a turn, at the longest length",
    "turns": "out of turns: the last one that is allowed called a tool",
    "result": "cut, since the tool's result found no room in the longest length",
    "abort": "aborted",
}

ENDINGS: dict[str, str] = {str(ending): words for ending, words in _ENDINGS.items()}


def outcome_of(status: str) -> Outcome:
    """The look of a stored status, known or not."""
    return OUTCOMES.get(status) or Outcome("?", status.replace("_", " "), "", "")


def ending_of(ending: str) -> str:
    """In words, what ended a response."""
    return ENDINGS.get(ending, ending)
