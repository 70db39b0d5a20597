"""Cuts an expert's worked solution into steps: numbered, lines, paragraphs, tool calls, or by a pattern of one's own.

A step is an action by itself: an algebraic step, a command. What only marks up the solution (``<think>``, ``<answer>``,
the heading ``SOLUTION:``) belongs to none.
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Literal

from training.problems.types import DemonstratedTurn, Problem
from training.srl.response import MOST_CHARACTERS

Rule = Literal["numbered", "line", "paragraph", "tool_call", "regex"]

_NUMBERED = re.compile(r"^[ \t]*(\d+)\.[ \t]*\*\*(.+?)\*\*[ \t]*:?", re.MULTILINE)
_HEADING = re.compile(r"\A\s*SOLUTION:\s*", re.IGNORECASE)
_MARKS = re.compile(r"</?(?:think|answer)>")
_CALL = re.compile(
    r"<tool_call>.*?</tool_call>|<function=[^>]*>.*?</function>|<function_call>.*?</function_call>", re.DOTALL
)


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
    """

    text: str
    title: str = ""
    number: int = 1
    observation: str = ""

    @property
    def whole(self) -> str:
        """The step as the expert wrote it."""
        return f"{self.number}. **{self.title}** {self.text}" if self.title else self.text


def steps_of(problem: Problem, rule: Rule, pattern: str = "") -> list[Step]:
    """The steps of a problem's worked solution, at least one.

    Raises RefusedError with the reason where there is no solution or the rule finds no steps in it, and ValueError
    where `pattern` is no regular expression.
    """
    if rule == "tool_call" and problem.turns:
        steps = _turns(problem.turns)
    elif problem.solution is None or not problem.solution.strip():
        raise RefusedError("it has no worked solution")
    elif rule == "regex":
        steps = _pieces(_bare(problem.solution), compiled(pattern))
    else:
        steps = _RULES[rule](problem.solution)
    for step in steps:
        if len(step.text) > MOST_CHARACTERS:
            raise RefusedError(f"step {step.number} has {len(step.text):,} characters; at most {MOST_CHARACTERS:,} fit")
    return steps


def compiled(pattern: str) -> re.Pattern[str]:
    """The pattern at whose matches solutions are cut. Raises ValueError where it is none."""
    if not pattern:
        raise ValueError("a pattern is needed to cut solutions by one")
    try:
        return re.compile(pattern, re.MULTILINE)
    except re.error as error:
        raise ValueError(f"{pattern!r} is no regular expression: {error}") from error


def _numbered(solution: str) -> list[Step]:
    """``k. **Title** action``, counted from 1 without a gap (App. B.3 of the paper)."""
    text = _HEADING.sub("", solution)
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
        steps.append(Step(action, title, number))
    return steps


def _bare(solution: str) -> str:
    """Without marks; where a mark parts two texts, a line ends."""
    return _MARKS.sub("\n", solution)


def _pieces(text: str, pattern: re.Pattern[str]) -> list[Step]:
    """What lies between the matches, blank pieces left out."""
    ends = [(match.start(), match.end()) for match in pattern.finditer(text)]
    bounds = [0, *(place for pair in ends for place in pair), len(text)]
    pieces = [text[start:end].strip() for start, end in zip(bounds[::2], bounds[1::2], strict=True)]
    steps = [Step(piece, number=number) for number, piece in enumerate(filter(None, pieces), start=1)]
    if not steps:
        raise RefusedError("nothing is left of the solution once it is cut")
    return steps


def _calls(solution: str) -> list[Step]:
    """A transcript as one text: its calls, each with what stands between it and the next."""
    calls = list(_CALL.finditer(solution))
    if not calls:
        raise RefusedError("it calls no tool (<tool_call>…</tool_call> or <function=…>…</function>)")
    ends = [*(call.start() for call in calls[1:]), len(solution)]
    return [
        Step(call[0], number=number, observation=solution[call.end() : end].strip())
        for number, (call, end) in enumerate(zip(calls, ends, strict=True), start=1)
    ]


def _turns(turns: tuple[DemonstratedTurn, ...]) -> list[Step]:
    """A demonstration in turns: of the model's turns the calls alone, without what it says before them."""
    steps: list[Step] = []
    for place, turn in enumerate(turns):
        if turn.role != "model" or not (calls := [match[0] for match in _CALL.finditer(turn.text)]):
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
    "line": lambda solution: _pieces(_bare(solution), re.compile(r"\n")),
    "paragraph": lambda solution: _pieces(_bare(solution), re.compile(r"\n[ \t]*\n\s*")),
    "tool_call": _calls,
}
