"""What sets two responses apart: an exact diff over words or tokens, kept to a size that answers at once."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher
from typing import Literal

MOST_PIECES = 2000
"""Pieces compared on each side, besides those that are the same at both ends: the work grows with their product."""

FOLDED_AT_LEAST = 80
"""Characters that both begin with, before they are folded."""

_WORDS = re.compile(r"</?\w+>|\s+|\w+|[^\w\s]")

Kind = Literal["equal", "different"]


@dataclass(frozen=True, slots=True)
class Block:
    """A stretch that both sides share, or that each has in its own words (one may be empty)."""

    kind: Kind
    left: str
    right: str


@dataclass(frozen=True, slots=True)
class Difference:
    """Two texts as blocks: all left parts joined are the left text up to where comparing ended, and so the right."""

    blocks: list[Block]
    shared_start: int
    """Pieces before the first divergence."""
    equal_pieces: int
    left_pieces: int
    right_pieces: int
    left_rest: str
    """What was not compared any more."""
    right_rest: str

    @property
    def similarity(self) -> float:
        """2 · equal / (left + right), over what was compared; 1 for the same text."""
        total = self.left_pieces + self.right_pieces
        return 2 * self.equal_pieces / total if total else 1.0

    @property
    def folded(self) -> bool:
        """Whether both begin with so much of the same that it is folded away."""
        first = self.blocks[:1]
        return bool(first) and first[0].kind == "equal" and len(first[0].left) >= FOLDED_AT_LEAST

    @property
    def shown_blocks(self) -> list[Block]:
        return self.blocks[1:] if self.folded else self.blocks

    @property
    def divergence(self) -> Block | None:
        """The first difference."""
        return next((block for block in self.blocks if block.kind == "different"), None)


def words_of(text: str) -> list[str]:
    """Words, tags, stretches of white space and single symbols, in order."""
    return _WORDS.findall(text)


def difference(left: Sequence[str], right: Sequence[str], most: int = MOST_PIECES) -> Difference:
    """The difference of two texts that are cut into pieces."""
    start = _shared(left, right)
    end = _shared(left[start:][::-1], right[start:][::-1])
    inner_left, inner_right = left[start : len(left) - end], right[start : len(right) - end]
    is_cut = max(len(inner_left), len(inner_right)) > most
    compared_left, compared_right = inner_left[:most], inner_right[:most]
    blocks, equal = _compare(compared_left, compared_right)
    blocks = [_equal(left[:start]), *blocks]
    if not is_cut:
        blocks.append(_equal(left[len(left) - end :]))
    shared = start + (0 if is_cut else end)
    return Difference(
        blocks=[block for block in blocks if block.left or block.right],
        shared_start=start,
        equal_pieces=equal + shared,
        left_pieces=len(compared_left) + shared,
        right_pieces=len(compared_right) + shared,
        left_rest="".join(left[start + len(compared_left) :]) if is_cut else "",
        right_rest="".join(right[start + len(compared_right) :]) if is_cut else "",
    )


def _compare(left: Sequence[str], right: Sequence[str]) -> tuple[list[Block], int]:
    matcher = SequenceMatcher(None, left, right, autojunk=False)
    blocks, equal = [], 0
    for tag, i, j, k, m in matcher.get_opcodes():
        blocks.append(Block("equal" if tag == "equal" else "different", "".join(left[i:j]), "".join(right[k:m])))
        equal += j - i if tag == "equal" else 0
    return blocks, equal


def _equal(pieces: Sequence[str]) -> Block:
    text = "".join(pieces)
    return Block("equal", text, text)


def _shared(left: Sequence[str], right: Sequence[str]) -> int:
    """How many pieces both begin with."""
    shortest = min(len(left), len(right))
    return next((place for place in range(shortest) if left[place] != right[place]), shortest)
