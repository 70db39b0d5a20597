"""What the most uncertain tokens of a response are: where it forks, takes in a tool's answer, or writes code.

rStar2-Agent (arXiv 2508.20722, section 5.4) looks at the 20 % of a response's tokens with the highest entropy. It finds
forking tokens, as in plain chains of thought, and a new kind: tokens that reflect on what a tool said. The paper sorts
them by eye; here is a rule that a machine can follow and a reader can check.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
import numpy.typing as npt

TokenClass = Literal["forking", "reflection", "code", "other"]
TOKEN_CLASSES: tuple[TokenClass, ...] = ("forking", "reflection", "code", "other")
"""code: inside a tool call, its tags left out: to call is a decision. reflection: among the first `WINDOW` tokens of a
turn after a tool's result, and in no call. forking: elsewhere, and part of a word or tag. other: elsewhere, a number, a
symbol or a mark."""

UNCLASSED = -1
TOP_SHARE = 0.2
WINDOW = 64
"""Tokens after a tool's result, as in the paper's figures 10 and 11."""

_CALL = re.compile(r"<tool_call>(.*?)(?:</tool_call>|\Z)", re.DOTALL)
_LETTER = re.compile(r"[^\W\d_]")

Whole = npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True, eq=False)
class ClassedTokens:
    """The tokens of one response, [T] each."""

    classes: npt.NDArray[np.int8]
    """Place in `TOKEN_CLASSES`; `UNCLASSED` for tokens that are not among the most uncertain."""
    in_call: npt.NDArray[np.bool_]
    after_result: npt.NDArray[np.bool_]
    """Drawn by the model within the window after a tool's result, calls left out."""
    drawn: npt.NDArray[np.bool_]

    @property
    def counts(self) -> dict[TokenClass, int]:
        """Of each class, how many."""
        return {name: int((self.classes == place).sum()) for place, name in enumerate(TOKEN_CLASSES)}


def classify(
    text: str, ends: Sequence[int] | Whole, entropies: npt.ArrayLike, mask: npt.ArrayLike | None
) -> ClassedTokens:
    """The tokens of a response `text`; `ends` say where in it the text of each ends.

    `mask` is 0 where the model did not draw the token; None stands for 1 everywhere. Entropies count as stored, in half
    precision, so that the trainer and whoever reads its events find the same; of equal ones the earlier comes first.
    """
    bounds = np.asarray(ends, np.int64)
    drawn = np.ones(len(bounds), bool) if mask is None else np.asarray(mask) != 0
    in_call, after = np.zeros(len(bounds), bool), np.zeros(len(bounds), bool)
    starts = np.concatenate([[0], bounds[:-1]])
    for number, (first, end) in enumerate(_runs(drawn)):
        begin = int(starts[first])
        for call in _CALL.finditer(text[begin : int(bounds[end - 1])]):
            inside = (starts[first:end] < begin + call.end(1)) & (bounds[first:end] > begin + call.start(1))
            in_call[first:end] |= inside
        if number or first:
            after[first : min(first + WINDOW, end)] = True
    after &= ~in_call
    classes = np.full(len(bounds), UNCLASSED, np.int8)
    for token in _most_uncertain(np.asarray(entropies), drawn).tolist():
        if in_call[token]:
            name: TokenClass = "code"
        elif after[token]:
            name = "reflection"
        else:
            name = "forking" if _LETTER.search(text[starts[token] : bounds[token]]) else "other"
        classes[token] = TOKEN_CLASSES.index(name)
    return ClassedTokens(classes, in_call, after, drawn)


def _runs(drawn: npt.NDArray[np.bool_]) -> list[tuple[int, int]]:
    """The stretches [first, end) of tokens that the model drew: its turns."""
    edges = np.flatnonzero(np.diff(np.concatenate([[0], drawn.astype(np.int8), [0]])))
    return list(zip(edges[::2].tolist(), edges[1::2].tolist(), strict=True))


def _most_uncertain(entropies: npt.NDArray[np.floating], drawn: npt.NDArray[np.bool_]) -> Whole:
    """The fifth of the drawn tokens with the highest entropies, rounded up; certain ones are never among them."""
    count = -(-int(drawn.sum()) // round(1 / TOP_SHARE))
    known = np.where(drawn & np.isfinite(entropies), entropies, 0).astype(np.float16)
    top = np.argsort(-known, kind="stable")[:count]
    return np.sort(top[known[top] > 0])
