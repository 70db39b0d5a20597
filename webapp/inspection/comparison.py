"""Two responses beside each other."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from django.http import Http404

from webapp.core.errors import UserError
from webapp.inspection.differences import Difference, difference, words_of
from webapp.inspection.models import Rollout
from webapp.inspection.rollout_page import arrays_of, text_of
from webapp.inspection.trace import read_trace
from webapp.inspection.trace_comparison import TraceComparison, compare_traces

Pieces = Literal["word", "token"]


@dataclass(frozen=True, slots=True)
class Comparison:
    """Everything the page of two responses shows."""

    left: Rollout
    right: Rollout
    left_text: str
    right_text: str
    by: Pieces
    has_tokens: bool
    """Whether both can be compared token by token."""
    difference: Difference
    traces: TraceComparison | None
    """Turn by turn; None unless both may call tools."""

    @property
    def sides(self) -> tuple[Rollout, Rollout]:
        return self.left, self.right


def rollout_pair(a: str, b: str) -> tuple[int, int]:
    """Two ids of an address. Raises UserError when they are not two different numbers."""
    if not (a.isdecimal() and b.isdecimal() and max(len(a), len(b)) < 18):
        raise UserError("Choose two responses to compare: tick two on the page of a group.")
    if int(a) == int(b):
        raise UserError("That is the same response twice. Choose two different ones.")
    return int(a), int(b)


def read_comparison(a: int, b: int, by: str) -> Comparison:
    """The page of two responses, or 404. Words are compared, unless ``by`` is ``token`` and both have tokens."""
    rows = Rollout.objects.select_related("run", "group__prompt", "body", "tokens", "trace").in_bulk([a, b])
    if len(rows) < 2:
        raise Http404("one of these responses is not there")
    left, right = rows[a], rows[b]
    left_text, right_text = text_of(left), text_of(right)
    arrays = arrays_of(left), arrays_of(right)
    pieces: tuple[Sequence[str], Sequence[str]] = words_of(left_text), words_of(right_text)
    unit: Pieces = "word"
    if by == "token" and arrays[0] is not None and arrays[1] is not None:
        pieces, unit = (arrays[0].pieces(left_text), arrays[1].pieces(right_text)), "token"
    has_tokens = None not in arrays
    found = read_trace(left, left_text, arrays[0]), read_trace(right, right_text, arrays[1])
    traces = compare_traces(found[0], found[1]) if found[0] and found[1] else None
    return Comparison(left, right, left_text, right_text, unit, has_tokens, difference(*pieces), traces)
