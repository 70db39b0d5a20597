"""The token strip's HTML: a span for each run of tokens that look alike under every scale, an ``<i>`` for each token.

Text is escaped here, piece by piece. The pieces' own characters stay in the page, so that a selection copies them.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from html import escape
from itertools import pairwise
from types import MappingProxyType
from typing import Any

import numpy as np
from django.utils.safestring import SafeString, mark_safe

from webapp.inspection.scales import CLASS, Scale
from webapp.inspection.token_arrays import Numbers, TokenArrays
from webapp.inspection.visible import visible

CHUNK = 512
"""Tokens the browser lays out together, and not before they come near the screen."""

MASKED, CLIPPED, WORD = "m", "c", "w"
DIGITS = 5
"""Significant digits of the figures shown for a token; half precision has hardly four."""


@dataclass(frozen=True, slots=True)
class Strip:
    """A response as coloured tokens."""

    html: SafeString
    scales: list[Scale]
    """Those that can be chosen."""
    values: dict[str, Any]
    """Figures of the tokens by name, each a list or, where all are equal, one number; for the readout."""
    count: int
    clipped: int
    masked: int


def render_strip(
    text: str,
    arrays: TokenArrays,
    columns: dict[Scale, Numbers],
    words: list[tuple[int, int]],
    *,
    ended: bool,
    names: Mapping[int, str] = MappingProxyType({}),
) -> Strip:
    """The strip of ``text``. ``words`` are the spans to mark; ``ended`` tells whether the model ended it itself.

    ``names`` of tokens by id serve those that have no text.
    """
    flags = _flags(arrays, words)
    looks = np.stack([*(scale.buckets(column) for scale, column in columns.items()), *flags.values()], axis=1)
    pieces = [_piece(piece) for piece in arrays.pieces(text)]
    for token in np.flatnonzero(arrays.ends == arrays.starts):
        pieces[token] = _special(arrays, int(token), ended, names)
    chunks = [
        f'<div class="chunk" data-from="{first}">{_chunk(looks, pieces, list(columns), first)}</div>'
        for first in range(0, len(arrays), CHUNK)
    ]
    if len(arrays) and arrays.ends[-1] < len(text):
        chunks.append(f'<div class="chunk soft">{escape(visible(text[arrays.ends[-1] :]))}</div>')
    return Strip(
        html=mark_safe("".join(chunks)),  # noqa: S308  # every piece is escaped above
        scales=list(columns),
        values=_values(arrays, columns.get(CLASS)),
        count=len(arrays),
        clipped=int(flags[CLIPPED].sum()),
        masked=int(flags[MASKED].sum()),
    )


def _flags(arrays: TokenArrays, words: list[tuple[int, int]]) -> dict[str, Any]:
    none = np.zeros(len(arrays), dtype=np.int64)
    mask, clipped = arrays.get("mask"), arrays.get("clipped")
    in_word = none.copy()
    for start, end in words:
        in_word |= (arrays.starts < end) & (arrays.ends > start)
    return {
        MASKED: none if mask is None else (mask == 0).astype(np.int64),
        CLIPPED: none if clipped is None else (clipped > 0).astype(np.int64),
        WORD: in_word,
    }


def _chunk(looks: Any, pieces: list[str], scales: list[Scale], first: int) -> str:
    last = min(first + CHUNK, len(pieces))
    changes = np.flatnonzero(np.any(looks[first + 1 : last] != looks[first : last - 1], axis=1)) + first + 1
    bounds = [first, *changes.tolist(), last]
    parts = []
    for start, end in pairwise(bounds):
        tokens = "".join(pieces[start:end])
        parts.append(f'<span class="{_classes(looks[start].tolist(), scales)}">{tokens}</span>')
    return "".join(parts)


def _classes(look: list[int], scales: list[Scale]) -> str:
    names = [scale.css_class(bucket) for scale, bucket in zip(scales, look, strict=False)]
    flags = [flag for flag, on in zip((MASKED, CLIPPED, WORD), look[len(scales) :], strict=True) if on]
    return " ".join(names + flags)


@lru_cache(maxsize=8192)
def _piece(piece: str) -> str:
    text = escape(visible(piece))
    if not text.isalnum():
        text = text.replace(" ", "\x00").replace("\n", '<b class="nl"></b>\n').replace("\t", '<b class="tb"></b>\t')
        text = text.replace("\x00", '<b class="sp"> </b>')
    return f"<i>{text}</i>"


def _special(arrays: TokenArrays, token: int, ended: bool, names: Mapping[int, str]) -> str:
    """A token without text of its own, such as the one that ends a response."""
    is_end = ended and token == len(arrays) - 1
    number = None if arrays.ids is None else int(arrays.ids[token])
    name = "end" if is_end else "no text" if number is None else names.get(number) or f"#{number}"
    return f'<i class="special">{escape(visible(name))}</i>'


def _values(arrays: TokenArrays, classes: Numbers | None) -> dict[str, Any]:
    """The stored figures; none of tokens that the model did not draw, where zeros stand in for them."""
    drawn = arrays.drawn
    columns: dict[str, Any] = {
        name: _rounded(column if name == "mask" else np.where(drawn, column, np.nan))
        for name, column in arrays.values.items()
    }
    if classes is not None:
        columns["class"] = _rounded(np.where(drawn, classes, np.nan))
    if arrays.ids is not None:
        columns["id"] = arrays.ids.tolist()
    return columns


def _rounded(column: Numbers) -> Any:
    """A list of short numbers, null where there is none; a single number where all are the same."""
    if column.size and np.all(column == column[0]):
        return _short(float(column[0]))
    return [_short(value) for value in column.tolist()]


def _short(value: float) -> float | None:
    return float(f"{value:.{DIGITS}g}") if np.isfinite(value) else None
