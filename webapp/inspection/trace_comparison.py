"""Two responses of several turns beside each other, turn by turn, up to where they part and after it."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import zip_longest

from webapp.inspection.trace import CallView, TraceView, TurnView


@dataclass(frozen=True, slots=True)
class TurnPair:
    """The same turn of both; None where one has ended."""

    number: int
    left: TurnView | None
    right: TurnView | None
    same: bool
    is_first: bool
    """Whether this is where they part."""
    parted: str
    """What sets them apart first, in words; empty where nothing does."""

    @property
    def sides(self) -> tuple[TurnView | None, TurnView | None]:
        return self.left, self.right


@dataclass(frozen=True, slots=True)
class TraceComparison:
    """All turns of both."""

    pairs: list[TurnPair]

    @property
    def first(self) -> TurnPair | None:
        """Where they part."""
        return next((pair for pair in self.pairs if pair.is_first), None)


def compare_traces(left: TraceView, right: TraceView) -> TraceComparison:
    """The turns of two responses, paired by number."""
    pairs: list[TurnPair] = []
    has_parted = False
    for number, (one, other) in enumerate(zip_longest(left.turns, right.turns), 1):
        parted = _parted(one, other)
        pairs.append(TurnPair(number, one, other, not parted, bool(parted) and not has_parted, parted))
        has_parted = has_parted or bool(parted)
    return TraceComparison(pairs)


def _parted(left: TurnView | None, right: TurnView | None) -> str:
    if left is None or right is None:
        return "one has ended"
    if _said(left) != _said(right):
        return "reasoning"
    if _codes(left.calls) != _codes(right.calls):
        return "calls"
    if [_result(call) for call in left.calls] != [_result(call) for call in right.calls]:
        return "results of the same calls"
    return ""


def _said(turn: TurnView) -> list[tuple[str, str]]:
    return [(piece.kind, piece.text) for piece in turn.pieces if piece.kind != "call"]


def _codes(calls: Sequence[CallView]) -> list[tuple[str, str]]:
    return [(call.row.name, call.row.arguments) for call in calls]


def _result(call: CallView) -> tuple[str, str]:
    return call.row.status, call.row.result
