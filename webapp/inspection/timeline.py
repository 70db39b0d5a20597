"""When the turns of a response happened: bars of waiting, writing and running tools, drawn on the server."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from webapp.inspection.models import ToolCall

WIDTH = 1000
"""User units of the whole response."""
LEAST = 2.0
"""A bar that is there can be seen."""


@dataclass(frozen=True, slots=True)
class TurnTimes:
    """Of one turn; seconds count from the response's beginning."""

    began: float
    """When it could be written."""
    entered: float
    """When it was begun, after waiting for a place."""
    ended: float
    runs: tuple[tuple[float, float, float], ...]
    """Of each call: asked, running since, ended."""

    @classmethod
    def of(cls, turn: Mapping[str, Any], calls: Sequence[ToolCall]) -> "TurnTimes":
        """From a stored turn and its calls. A call waits for a free place before it runs."""
        runs = tuple((call.began, min(call.began + call.queue_s, call.ended), call.ended) for call in calls)
        return cls(float(turn["began"]), float(turn["entered"]), float(turn["ended"]), runs)

    @property
    def waited(self) -> float:
        """Seconds before it was written, its calls' waits included."""
        queued = max((running - asked for asked, running, _ in self.runs), default=0.0)
        return max(self.entered - self.began, 0.0) + queued

    @property
    def wrote(self) -> float:
        return max(self.ended - self.entered, 0.0)

    @property
    def ran(self) -> float:
        """Seconds from the first call that ran to the end of the last."""
        return max((end for _, _, end in self.runs), default=0.0) - min((at for _, at, _ in self.runs), default=0.0)


@dataclass(frozen=True, slots=True)
class TimeBar:
    """A stretch of time in the drawing."""

    kind: str
    """``wait``, ``write`` or ``run``."""
    x: float
    width: float
    title: str


@dataclass(frozen=True, slots=True)
class TimeRow:
    """A turn in the drawing."""

    number: int
    times: TurnTimes
    bars: list[TimeBar]


@dataclass(frozen=True, slots=True)
class Timeline:
    """All turns, and what the time went into."""

    rows: list[TimeRow]
    seconds: float

    @property
    def waited(self) -> float:
        return sum(row.times.waited for row in self.rows)

    @property
    def wrote(self) -> float:
        return sum(row.times.wrote for row in self.rows)

    @property
    def ran(self) -> float:
        return sum(row.times.ran for row in self.rows)


_VERBS = {"wait": "waited", "write": "wrote", "run": "ran a tool"}


def draw(turns: Sequence[TurnTimes], seconds: float) -> Timeline:
    """Rows of bars, the whole response as wide as the drawing."""
    whole = max(
        [seconds, *(turn.ended for turn in turns), *(end for turn in turns for _, _, end in turn.runs)], default=0.0
    )
    scale = WIDTH / whole if whole > 0 else 0.0

    def bar(kind: str, start: float, end: float) -> list[TimeBar]:
        if end <= start:
            return []
        width = max((end - start) * scale, LEAST)
        return [
            TimeBar(
                kind,
                round(min(start * scale, WIDTH - width), 1),
                round(width, 1),
                f"{_VERBS[kind]} {end - start:.3g} s",
            )
        ]

    rows = []
    for number, turn in enumerate(turns, 1):
        bars = bar("wait", turn.began, turn.entered) + bar("write", turn.entered, turn.ended)
        for asked, running, ended in turn.runs:
            bars += bar("wait", asked, running) + bar("run", running, ended)
        rows.append(TimeRow(number, turn, bars))
    return Timeline(rows, whole)
