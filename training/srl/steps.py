"""Cuts an expert's worked solution into steps: numbered, lines, paragraphs, tool calls, or by a pattern of one's own.

A step is an action by itself: an algebraic step, a command. What only marks up the solution (``<think>``, ``<answer>``,
the heading ``SOLUTION:``) belongs to none.
"""

import re
from bisect import bisect_right
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from functools import partial
from typing import Any, Literal

import regex

from training.problems.types import DemonstratedTurn, Problem
from training.srl.response import MOST_CHARACTERS

Rule = Literal["numbered", "line", "paragraph", "tool_call", "regex"]
Span = tuple[int, int]

MOST_STEPS = 500
"""A solution cut finer is not cut into actions; what its steps are told grows with the square of their number."""

PATTERN_SECONDS = 1.0
"""Processor time that a pattern of one's own may take on one solution; some would take for ever."""

_NUMBERED = re.compile(r"^[ \t]*(\d+)\.[ \t]*\*\*(.+?)\*\*[ \t]*:?", re.MULTILINE)
_HEADING = re.compile(r"\A\s*SOLUTION:\s*", re.IGNORECASE)
_LINE_END, _EMPTY_LINE = re.compile(r"\n"), re.compile(r"\n[ \t]*\n\s*")
_NO_SOLUTION = "it has no worked solution"
_MARKS = re.compile(r"</?(?:think|answer)>")
CALL = re.compile(
    r"<tool_call>.*?</tool_call>|<function=[^>]*>.*?</function>|<function_call>.*?</function_call>", re.DOTALL
)
"""A call of a tool within what a model says, as `steps_of` finds it."""


class SlowPatternError(ValueError):
    """A pattern that takes too long; no solution is cut by it."""


class RefusedError(ValueError):
    """A solution that has no steps by this rule; the message says why, for whoever brought it."""


@dataclass(frozen=True, slots=True)
class Step:
    """One action of the expert.

    Attributes:
        text: what is to be done, without its title.
        title: of a numbered step, such as "Coprime Pairs"; empty for none.
        number: as counted, from 1.
        observation: what came back after it, as a tool's output; empty where nothing did.
        place: where it begins and ends in the solution; (0, 0) in a demonstration in turns.
    """

    text: str
    title: str = ""
    number: int = 1
    observation: str = ""
    place: Span = field(default=(0, 0), compare=False)

    @property
    def whole(self) -> str:
        """The step as the expert wrote it."""
        return f"{self.number}. **{self.title}** {self.text}" if self.title else self.text


def steps_of(problem: Problem, rule: Rule, pattern: str = "") -> list[Step]:
    """The steps of a problem's worked solution, at least one.

    Raises RefusedError with the reason where there is no solution or the rule finds no steps in it, and ValueError
    where `pattern` is no regular expression, or takes longer than `PATTERN_SECONDS`.
    """
    if rule == "tool_call" and problem.turns:
        steps = _turns(problem.turns)
    elif problem.solution is None or not problem.solution.strip():
        raise RefusedError("it is a transcript, which only its tool calls cut" if problem.turns else _NO_SOLUTION)
    elif rule == "regex":
        own = compiled(pattern)
        steps = _between(problem.solution, lambda text: _matches(own, text))
    else:
        steps = _RULES[rule](problem.solution)
    if len(steps) > MOST_STEPS:
        raise RefusedError(f"it has {len(steps):,} steps; at most {MOST_STEPS} are taken")
    for step in steps:
        if len(step.text) > MOST_CHARACTERS:
            raise RefusedError(f"step {step.number} has {len(step.text):,} characters; at most {MOST_CHARACTERS:,} fit")
    return steps


def compiled(pattern: str) -> Any:
    """The pattern at whose matches solutions are cut, of the package regex. Raises ValueError where it is none."""
    if not pattern:
        raise ValueError("a pattern is needed to cut solutions by one")
    try:
        return regex.compile(pattern, regex.MULTILINE)
    except regex.error as error:
        raise ValueError(f"{pattern!r} is no regular expression: {error}") from error


def _numbered(solution: str) -> list[Step]:
    """``k. **Title** action``, counted from 1 without a gap (App. B.3 of the paper)."""
    text = _HEADING.sub("", solution)
    skipped = len(solution) - len(text)
    heads = list(_NUMBERED.finditer(text))
    if not heads:
        raise RefusedError("no line begins like “1. **Title**”")
    if text[: heads[0].start()].strip():
        raise RefusedError("there is text before the first numbered step")
    steps = []
    for place, head in enumerate(heads):
        number, title = int(head[1]), head[2].strip().rstrip(":").strip()
        if number != place + 1:
            raise RefusedError(f"step {place + 1} is numbered {number}")
        end = heads[place + 1].start() if place + 1 < len(heads) else len(text)
        action = text[head.end() : end].strip()
        if not title or not action:
            raise RefusedError(f"step {number} has {'no title' if not title else 'a title and no action'}")
        start, end = _trimmed(text, head.start(), end)
        steps.append(Step(action, title, number, place=(start + skipped, end + skipped)))
    return steps


def _bare(solution: str) -> str:
    """Without marks; where a mark parts two texts, a line ends."""
    return _MARKS.sub("\n", solution)


def _between(solution: str, cuts: Callable[[str], Iterable[Span]]) -> list[Step]:
    """What of the solution without its marks lies between its cuts, blank pieces left out."""
    text, origin = _bare(solution), _origin(solution)
    bounds = [0, *(place for cut in cuts(text) for place in cut), len(text)]
    steps: list[Step] = []
    for start, end in zip(bounds[::2], bounds[1::2], strict=True):
        if piece := text[start:end].strip():
            start, end = _trimmed(text, start, end)
            steps.append(Step(piece, number=len(steps) + 1, place=(origin(start), origin(end))))
    if not steps:
        raise RefusedError("nothing is left of the solution once it is cut")
    return steps


def _spans(pattern: re.Pattern[str], text: str) -> list[Span]:
    return [match.span() for match in pattern.finditer(text)]


def _matches(pattern: Any, text: str) -> list[Span]:
    """Where a user's pattern matches."""
    try:
        return [match.span() for match in pattern.finditer(text, timeout=PATTERN_SECONDS)]
    except TimeoutError as error:
        raise SlowPatternError(
            f"the pattern takes more than {PATTERN_SECONDS:g} s on one solution; repetitions within repetitions, such "
            "as (a+)+, can take for ever"
        ) from error


def _origin(solution: str) -> Callable[[int], int]:
    """From a place in the solution without its marks to the one in the solution."""
    after: list[int] = []
    gone = [0]
    for mark in _MARKS.finditer(solution):
        gone.append(gone[-1] + len(mark[0]) - 1)
        after.append(mark.end() - gone[-1])
    return lambda place: place + gone[bisect_right(after, place)]


def _trimmed(text: str, start: int, end: int) -> Span:
    """The bounds of a piece without the white space around it."""
    piece = text[start:end]
    return start + len(piece) - len(piece.lstrip()), end - len(piece) + len(piece.rstrip())


def _calls(solution: str) -> list[Step]:
    """A transcript as one text: its calls, each with what stands between it and the next."""
    calls = list(CALL.finditer(solution))
    if not calls:
        raise RefusedError("it calls no tool (<tool_call>…</tool_call> or <function=…>…</function>)")
    ends = [*(call.start() for call in calls[1:]), len(solution)]
    return [
        Step(call[0], number=number, observation=solution[call.end() : end].strip(), place=call.span())
        for number, (call, end) in enumerate(zip(calls, ends, strict=True), start=1)
    ]


def _turns(turns: tuple[DemonstratedTurn, ...]) -> list[Step]:
    """A demonstration in turns: of the model's turns the calls alone, without what it says before them."""
    steps: list[Step] = []
    for place, turn in enumerate(turns):
        if turn.role != "model" or not (calls := [match[0] for match in CALL.finditer(turn.text)]):
            continue
        said = []
        for after in turns[place + 1 :]:
            if after.role != "tool":
                break
            said.append(after.text)
        steps.append(Step("\n".join(calls), number=len(steps) + 1, observation="\n".join(said)))
    if not steps:
        raise RefusedError("no turn of it calls a tool")
    return steps


_RULES: Mapping[str, Callable[[str], list[Step]]] = {
    "numbered": _numbered,
    "line": lambda solution: _between(solution, partial(_spans, _LINE_END)),
    "paragraph": lambda solution: _between(solution, partial(_spans, _EMPTY_LINE)),
    "tool_call": _calls,
}
