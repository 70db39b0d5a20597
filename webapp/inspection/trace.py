"""A response of several turns as a conversation: what the model wrote in each, its tool calls, what they gave, when.

Rows are read once; the text of a turn is cut out of the response's by the ends of its tokens.
"""

import json
import re
from dataclasses import dataclass
from functools import cached_property

from django.urls import NoReverseMatch, reverse

from webapp.inspection.diff_lines import DiffLine, diff_lines
from webapp.inspection.highlight import CodeLine, code_lines
from webapp.inspection.models import Rollout, RolloutTrace, ToolCall
from webapp.inspection.outcomes import Outcome, outcome_of
from webapp.inspection.timeline import Timeline, TurnTimes, draw
from webapp.inspection.token_arrays import TokenArrays

CONSOLE = "sandbox:page"
"""Name of the page where a program can be run by hand, if that is installed."""
EDIT, COMMANDS = "edit", ("read", "edit", "run_tests")
"""Names of the tools that work on a repository."""
SHORT = 200
"""Characters of reasoning that need no folding."""

_BLOCK = re.compile(r"<tool_call>(.*?)</tool_call>", re.DOTALL)
_ANSWER = re.compile(r"<answer>.*?(?:</answer>|\Z)", re.DOTALL)
_LINE = re.compile(r" at line (\d+)")


@dataclass(frozen=True)
class CallView:
    """One tool call, to be shown."""

    row: ToolCall
    number: int
    """Among all calls of the response, from 1."""

    @property
    def outcome(self) -> Outcome:
        return outcome_of(self.row.status)

    @cached_property
    def wrong_line(self) -> int | None:
        """Line of the program that raised, from 1."""
        found = _LINE.search(self.row.error)
        return int(found[1]) if found else None

    @cached_property
    def lines(self) -> list[CodeLine]:
        """Its program in colours; empty where there is none to be read."""
        code = self.row.code
        return code_lines(code, self.wrong_line) if code else []

    @cached_property
    def command(self) -> str:
        """What an agent's call does in its repository, as at a prompt; empty for any other call."""
        if self.row.name not in COMMANDS:
            return ""
        try:
            arguments = json.loads(self.row.arguments)
        except (ValueError, RecursionError):
            return ""
        path = arguments.get("path", "") if isinstance(arguments, dict) else ""
        return f"{self.row.name} {path}".strip() if isinstance(path, str) else ""

    @cached_property
    def diff(self) -> list[DiffLine]:
        """What an edit changed; of one that failed, what it was meant to change."""
        if self.row.name != EDIT or not self.command:
            return []
        if self.row.status == "ok":
            return diff_lines(self.row.stdout)
        arguments = json.loads(self.row.arguments)
        old, new = (str(arguments.get(name, "")).splitlines() for name in ("old", "new"))
        return diff_lines("\n".join([*(f"-{line}" for line in old), *(f"+{line}" for line in new)]))

    @property
    def further(self) -> str:
        """Arguments besides the program, as JSON; all as they stand where they could not be read."""
        if self.row.code is None:
            return self.row.arguments
        others = {name: value for name, value in json.loads(self.row.arguments).items() if name != "code"}
        return json.dumps(others, ensure_ascii=False) if others else ""

    @property
    def rerun_address(self) -> str:
        """Of the console with this program; empty where there is nothing to run, or no console."""
        if self.row.code is None:
            return ""
        try:
            return f"{reverse(CONSOLE)}?call={self.row.pk}"
        except NoReverseMatch:
            return ""

    @property
    def was_shown(self) -> bool:
        """Whether the model was given a result."""
        return self.row.end_token > self.row.start_token

    @property
    def tokens(self) -> int:
        """Of its result, none of them learned from."""
        return self.row.end_token - self.row.start_token

    @property
    def is_silent(self) -> bool:
        """Whether it ran and had nothing to say."""
        return not any((self.row.stdout, self.row.stderr, self.row.value, self.row.error))


@dataclass(frozen=True, slots=True)
class Piece:
    """A stretch of a turn: reasoning, an answer, or a call."""

    kind: str
    text: str = ""
    call: CallView | None = None

    @property
    def is_short(self) -> bool:
        return len(self.text) <= SHORT and self.text.count("\n") < 4

    @property
    def beginning(self) -> str:
        """For a fold: its first words."""
        return " ".join(self.text.split())[:100]


@dataclass(frozen=True, slots=True)
class TurnView:
    """One turn of the model and the calls it made."""

    number: int
    """From 1, as in its address."""
    start: int
    end: int
    """Its tokens are [start, end)."""
    pieces: list[Piece]
    calls: list[CallView]
    times: TurnTimes
    read: str
    """What stands between this turn and the next in the response: results with the marks around them."""
    read_tokens: int

    @property
    def tokens(self) -> int:
        return self.end - self.start

    @property
    def last(self) -> int:
        return self.end - 1

    @property
    def worst(self) -> Outcome | None:
        """For an outline: the first call that went wrong, or how its last one went."""
        outcomes = [call.outcome for call in self.calls]
        return next((each for each in outcomes if each.word != "ran"), outcomes[-1] if outcomes else None)


@dataclass(frozen=True)
class TraceView:
    """All of it."""

    row: RolloutTrace
    turns: list[TurnView]

    @property
    def calls(self) -> list[CallView]:
        return [call for turn in self.turns for call in turn.calls]

    @cached_property
    def timeline(self) -> Timeline:
        return draw([turn.times for turn in self.turns], self.row.seconds)

    @cached_property
    def changes(self) -> list[DiffLine]:
        """All that was changed in its repository."""
        return diff_lines(self.row.diff)

    @property
    def codes(self) -> dict[str, str]:
        """Programs by number of their call, exactly as written, to be copied."""
        return {str(call.number): call.row.code for call in self.calls if call.row.code is not None}

    def writer_of(self, token: int) -> str:
        """Who put a token there that the model did not draw, for a sentence."""
        for call in self.calls:
            if call.row.start_token <= token < call.row.end_token:
                return f"the tool wrote it, as the result of call {call.number}"
        return "the chat template wrote it, as a mark around a tool's result"


def read_trace(rollout: Rollout, text: str, arrays: TokenArrays | None) -> TraceView | None:
    """The trace of a response; None where it has none. Without token ends, turns are shown with their calls alone."""
    try:
        row = rollout.trace
    except RolloutTrace.DoesNotExist:
        return None
    calls = [CallView(call, call.index + 1) for call in rollout.tool_calls.order_by("index")]
    bounds = [(int(turn["start"]), int(turn["end"])) for turn in row.turns]
    turns = []
    for place, (turn, (start, end)) in enumerate(zip(row.turns, bounds, strict=True)):
        own = [call for call in calls if call.row.turn == place]
        until = bounds[place + 1][0] if place + 1 < len(bounds) else rollout.length
        turns.append(
            TurnView(
                number=place + 1,
                start=start,
                end=end,
                pieces=_pieces(_between(text, arrays, start, end), own),
                calls=own,
                times=TurnTimes.of(turn, [call.row for call in own if call.row.status != "unanswered"]),
                read=_between(text, arrays, end, until),
                read_tokens=until - end,
            )
        )
    return TraceView(row, turns)


def _between(text: str, arrays: TokenArrays | None, start: int, end: int) -> str:
    """The text of tokens [start, end)."""
    if arrays is None or not 0 <= start < end <= len(arrays):
        return ""
    return text[int(arrays.starts[start]) : int(arrays.ends[end - 1])]


def _pieces(text: str, calls: list[CallView]) -> list[Piece]:
    """A turn in order. Its blocks are its calls, one for one; calls without a block come last."""
    pieces: list[Piece] = []
    at, left = 0, list(calls)
    for block in _BLOCK.finditer(text):
        if not left:
            break
        pieces += _said(text[at : block.start()])
        pieces.append(Piece("call", call=left.pop(0)))
        at = block.end()
    pieces += _said(text[at:])
    return pieces + [Piece("call", call=call) for call in left]


def _said(text: str) -> list[Piece]:
    """What stands between calls: reasoning, with answers apart."""
    pieces, at = [], 0
    for answer in _ANSWER.finditer(text):
        pieces += [Piece("reasoning", text[at : answer.start()]), Piece("answer", answer[0])]
        at = answer.end()
    pieces.append(Piece("reasoning", text[at:]))
    return [piece for piece in pieces if piece.text.strip()]
