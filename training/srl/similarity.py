"""How alike two texts are: the ratio of `difflib.SequenceMatcher` over characters, to the last bit, many times faster.

difflib looks for the longest common block, earliest in the first text, then in the second, and goes on to the left and
to the right of it, reading the texts again each time. Here all common runs of two characters or more are found once,
as diagonals, and are only cut at each block. Where no such run is left, single characters match one after the other:
the first of them leaves nothing to its left.
"""

from collections.abc import Sequence
from difflib import SequenceMatcher

import numpy as np
import numpy.typing as npt

Ints = npt.NDArray[np.int64]
Block = tuple[int, int, int]
"""Place in the first text, in the second, and size."""

FEW_RUNS = 40
"""Fewer are kept in a list: numpy costs more to call than to compute."""
PAIRS_AT_ONCE = 1 << 20
"""Places of equal pairs of characters held at a time."""
PLACE_BITS = 21
"""Bits of a place in a text, and of a character."""


def similarity(first: str, second: str, autojunk: bool = False) -> float:
    """2 M / T with M characters in matching blocks and T in all; in [0, 1], and 1 for two empty texts.

    Not symmetric: the model's text comes first, the expert's second. With `autojunk` difflib's default, which ignores
    characters that make up more than a hundredth of a second text of 200 or more, as published code may have done.
    """
    if autojunk:
        return SequenceMatcher(None, first, second, autojunk=True).ratio()
    total = len(first) + len(second)
    return 2.0 * matching_characters(first, second) / total if total else 1.0


def matching_characters(first: str, second: str) -> int:
    """Σ of the sizes of difflib's matching blocks, without autojunk. Time grows with the product of the lengths."""
    return len(first) if first == second else sum(size for _, _, size in _blocks(first, second))


def matching_blocks(first: str, second: str, autojunk: bool = False) -> list[Block]:
    """What `similarity` counts: difflib's matching blocks, in order, without its empty last one."""
    if autojunk:
        found = SequenceMatcher(None, first, second, autojunk=True).get_matching_blocks()
        return [(block.a, block.b, block.size) for block in found if block.size]
    merged: list[Block] = []
    for a, b, size in sorted(_blocks(first, second)):
        before = merged[-1] if merged else (-1, -1, 0)
        if before[0] + before[2] == a and before[1] + before[2] == b:
            merged[-1] = (before[0], before[1], before[2] + size)
        else:
            merged.append((a, b, size))
    return merged


def _blocks(first: str, second: str) -> list[Block]:
    """The blocks as they are found; neighbours that touch are still two."""
    starts, others, lengths = _common_runs(first, second)
    matched: list[Block] = []
    waiting: list[tuple[Ints, Ints, Ints, tuple[int, int, int, int]]] = [
        (starts, others, lengths, (0, len(first), 0, len(second)))
    ]
    while waiting:
        starts, others, lengths, (a_low, a_high, b_low, b_high) = waiting.pop()
        if len(lengths) <= FEW_RUNS:
            runs = list(zip(starts.tolist(), others.tolist(), lengths.tolist(), strict=True))
            _match_few(first, second, runs, (a_low, a_high, b_low, b_high), matched)
            continue
        best = int(np.argmax((lengths << 2 * PLACE_BITS) - (starts << PLACE_BITS) - others))
        a, b, size = int(starts[best]), int(others[best]), int(lengths[best])
        matched.append((a, b, size))
        left = np.minimum(lengths, np.minimum(a - starts, b - others))
        keep = left >= 2
        waiting.append((starts[keep], others[keep], left[keep], (a_low, a, b_low, b)))
        shift = np.maximum(np.maximum(a + size - starts, b + size - others), 0)
        keep = lengths - shift >= 2
        shift = shift[keep]
        right = (starts[keep] + shift, others[keep] + shift, lengths[keep] - shift)
        waiting.append((*right, (a + size, a_high, b + size, b_high)))
    return matched


def _match_few(
    first: str, second: str, runs: list[Block], bounds: tuple[int, int, int, int], matched: list[Block]
) -> None:
    """The same for few runs."""
    waiting = [(runs, bounds)]
    while waiting:
        runs, (a_low, a_high, b_low, b_high) = waiting.pop()
        if not runs:
            _match_singles(first, second, (a_low, a_high, b_low, b_high), matched)
            continue
        a, b, size = min(runs, key=lambda run: (-run[2], run[0], run[1]))
        matched.append((a, b, size))
        left, right = [], []
        for start, other, length in runs:
            before = min(length, a - start, b - other)
            if before >= 2:
                left.append((start, other, before))
            shift = max(a + size - start, b + size - other, 0)
            if length - shift >= 2:
                right.append((start + shift, other + shift, length - shift))
        waiting.append((left, (a_low, a, b_low, b)))
        waiting.append((right, (a + size, a_high, b + size, b_high)))


def _match_singles(first: str, second: str, bounds: tuple[int, int, int, int], matched: list[Block]) -> None:
    """Where no two characters in a row match: each takes the next place at which it stands."""
    a_low, a_high, b_low, b_high = bounds
    for a in range(a_low, a_high):
        if b_low >= b_high:
            break
        place = second.find(first[a], b_low, b_high)
        if place >= 0:
            matched.append((a, place, 1))
            b_low = place + 1


def _common_runs(first: str, second: str) -> tuple[Ints, Ints, Ints]:
    """All longest runs of two or more equal characters: places in the first, in the second text, and lengths."""
    a, b = _padded(first, (-1, -2)), _padded(second, (-3, -4))
    pairs_a, pairs_b = _pairs(a), _pairs(b)
    order = np.argsort(pairs_b, kind="stable")
    ordered = pairs_b[order]
    low, high = (np.searchsorted(ordered, pairs_a, side) for side in ("left", "right"))
    counts = high - low
    begins: list[Ints] = []
    ends: list[Ints] = []
    for rows in _portions(counts):
        count = counts[rows]
        i = np.repeat(np.arange(rows.start, rows.stop), count)
        within = np.arange(len(i)) - np.repeat(np.cumsum(count) - count, count)
        j = order[np.repeat(low[rows], count) + within]
        key = (i - j + len(second)) << PLACE_BITS | i  # along each diagonal, from its beginning
        begins.append(key[a[i] != b[j]])
        ends.append(key[a[i + 3] != b[j + 3]])
    begin, end = np.sort(np.concatenate([*begins, _EMPTY])), np.sort(np.concatenate([*ends, _EMPTY]))
    starts = begin & ((1 << PLACE_BITS) - 1)
    return starts, starts - ((begin >> PLACE_BITS) - len(second)), end - begin + 2


def _padded(text: str, around: tuple[int, int]) -> Ints:
    """The characters as numbers between two that equal nothing."""
    characters = np.frombuffer(text.encode("utf-32-le", "surrogatepass"), np.uint32).astype(np.int64)
    return np.concatenate([[around[0]], characters, [around[1]]])


def _pairs(padded: Ints) -> Ints:
    """Each two characters in a row as one number."""
    return (padded[1:-2] << PLACE_BITS) | padded[2:-1]


def _portions(counts: Ints) -> Sequence[slice]:
    """Rows with at most `PAIRS_AT_ONCE` places together, or one row."""
    found, start, held = [], 0, 0
    for row, count in enumerate(counts.tolist()):
        if held and held + count > PAIRS_AT_ONCE:
            found.append(slice(start, row))
            start, held = row, 0
        held += count
    return [*found, slice(start, len(counts))] if held else found


_EMPTY: Ints = np.zeros(0, np.int64)
