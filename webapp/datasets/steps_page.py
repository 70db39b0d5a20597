"""What the splitter's page shows: one trajectory in pieces, the instances it gives, and figures of the whole set."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

from training.config import SrlMethod
from training.problems.types import Problem
from training.srl.pieces import Piece, pieces_of
from training.srl.steps import RefusedError, steps_of
from training.srl.tasks import Task, tasks_of
from webapp.datasets.step_totals import BARS, Tally

MOST_INSTANCES = 40
"""Instances shown of one trajectory; an agent's may give hundreds."""
HEAD, TAIL = 3000, 1500
"""Characters shown of the beginning and the end of a longer text."""


class Cut(NamedTuple):
    """A text, or its beginning and its end with the number of characters between them."""

    head: str
    left_out: int = 0
    tail: str = ""

    @classmethod
    def of(cls, text: str) -> "Cut":
        """The whole where it is not much longer than what would be shown of it."""
        left_out = len(text) - HEAD - TAIL
        return cls(text[:HEAD], left_out, text[-TAIL:]) if left_out > TAIL else cls(text)


class ShownPiece(NamedTuple):
    """A piece of the trajectory."""

    piece: Piece
    text: Cut
    begins: bool
    """Whether it is the first of its step."""
    speaker: str
    """Who begins to speak with it in a demonstration in turns; else empty."""
    is_target: bool


class ShownInstance(NamedTuple):
    """What a model is asked, and what it is compared with."""

    task: Task
    prompt: Cut
    given: Cut
    """What its response is taken to begin with, or the turns before it."""
    target: Cut


@dataclass(frozen=True, slots=True)
class Bar:
    """Solutions with so many steps."""

    label: str
    count: int
    share: float
    """Of the largest bar, in percent."""


@dataclass(frozen=True, slots=True)
class Example:
    """One trajectory under the settings."""

    number: int
    problem: Problem
    steps: int
    pieces: list[ShownPiece]
    instances: list[ShownInstance]
    more: int
    """Instances that are not shown."""
    refused: str
    """Why it gives none; empty where it gives some."""


def example_of(number: int, problem: Problem, config: SrlMethod) -> Example:
    """The trajectory as it is cut. Raises SlowPatternError where the pattern takes too long."""
    tasks, refused = tasks_of([problem], config)
    try:
        steps = steps_of(problem, config.steps.rule, config.steps.pattern)
        pieces = pieces_of(problem, config.steps.rule, steps)
    except RefusedError:
        steps, pieces = [], _whole(problem)
    shown = [_instance(task) for task in tasks[:MOST_INSTANCES]]
    return Example(
        number,
        problem,
        len(steps),
        _shown(pieces, len(tasks)),
        shown,
        len(tasks) - len(shown),
        refused[0].reason if refused else "",
    )


def _whole(problem: Problem) -> list[Piece]:
    """The solution of a problem that has no steps."""
    if problem.turns:
        return [Piece(turn.text, "rest", 0, turn.role) for turn in problem.turns]
    return [Piece(problem.solution or "", "rest")]


def bars_of(tally: Tally) -> list[Bar]:
    """How many solutions have how many steps, in at most `BARS` rows."""
    counts = {int(steps): count for steps, count in tally.steps.items()}
    if not counts:
        return []
    low, high = min(counts), max(counts)
    width = (high - low) // BARS + 1
    grouped = [
        (begin, sum(counts.get(steps, 0) for steps in range(begin, begin + width)))
        for begin in range(low, high + 1, width)
    ]
    most = max(count for _, count in grouped)
    return [Bar(_label(begin, width), count, round(100 * count / most, 2)) for begin, count in grouped]


def _label(begin: int, width: int) -> str:
    return str(begin) if width == 1 else f"{begin}–{begin + width - 1}"


def _shown(pieces: Sequence[Piece], targets: int) -> list[ShownPiece]:
    shown: list[ShownPiece] = []
    number, speaker = 0, ""
    for piece in pieces:
        begins = piece.kind == "step" and piece.number > number
        goes_on = piece.speaker == speaker and speaker != "tool"  # a tool says one thing at a time
        opens = "" if goes_on else piece.speaker
        shown.append(ShownPiece(piece, Cut.of(piece.text), begins, opens, piece.number <= targets))
        number, speaker = max(number, piece.number), piece.speaker
    return shown


def _instance(task: Task) -> ShownInstance:
    before = "\n".join(f"[{turn.role}] {turn.text}" for turn in task.turns)
    return ShownInstance(task, Cut.of(task.prompt), Cut.of(task.given or before), Cut.of(task.target))
