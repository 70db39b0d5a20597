"""A solution as it stands, in pieces: its steps, what came back after them, and what belongs to none; for pages."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

from training.problems.types import DemonstratedTurn, Problem
from training.srl.steps import CALL, Rule, Step


@dataclass(frozen=True, slots=True)
class Piece:
    """A stretch of the text.

    Attributes:
        text: as it stands there.
        kind: "step"; "seen", what came back after one and is shown with it; "rest", which no prompt or target holds.
        number: of the step, from 1; 0 for the rest.
        speaker: of a demonstration in turns, "model" or "tool"; else empty.
    """

    text: str
    kind: Literal["step", "seen", "rest"]
    number: int = 0
    speaker: str = ""


def pieces_of(problem: Problem, rule: Rule, steps: Sequence[Step]) -> list[Piece]:
    """The whole solution of which ``steps_of(problem, rule)`` found `steps`; put together it is the solution again."""
    if rule == "tool_call" and problem.turns:
        return list(_of_turns(problem.turns))
    return list(_of_text(problem.solution or "", rule, steps))


def _of_text(solution: str, rule: Rule, steps: Sequence[Step]) -> Iterator[Piece]:
    place = number = 0
    for step in steps:
        start, end = step.place
        if start > place:
            yield _between(solution[place:start], rule, number)
        yield Piece(solution[start:end], "step", step.number)
        place, number = end, step.number
    if place < len(solution):
        yield _between(solution[place:], rule, number)


def _between(text: str, rule: Rule, number: int) -> Piece:
    """What lies between two steps: behind a call it was seen."""
    return Piece(text, "seen", number) if rule == "tool_call" and number and text.strip() else Piece(text, "rest")


def _of_turns(turns: Sequence[DemonstratedTurn]) -> Iterator[Piece]:
    number = 0
    acted = False
    for turn in turns:
        if turn.role == "tool":
            yield Piece(turn.text, "seen", number, "tool") if acted else Piece(turn.text, "rest", 0, "tool")
            continue
        calls = list(CALL.finditer(turn.text))
        acted = bool(calls)
        number += acted
        place = 0
        for call in calls:
            if call.start() > place:
                yield Piece(turn.text[place : call.start()], "rest", 0, "model")
            yield Piece(call[0], "step", number, "model")
            place = call.end()
        if place < len(turn.text):
            yield Piece(turn.text[place:], "rest", 0, "model")
