"""Keeps keys and values of sequences already seen, so that a longer sequence need not compute them again.

The sequences form a radix tree: a *segment* is a run of tokens after its parent, no two children of a segment begin
with the same token, and a segment is split where a new sequence leaves it. Any prefix of a sequence is found to the
token (the scheme of SGLang's RadixAttention; Zheng et al., 2024), and a sequence costs one copy of what it adds.

The tree remembers the tokens of all that was computed under the present weights, at 4 bytes a token; only the states
are held to a budget. When it is full, the states used longest ago go; a parent is always used after its children, so
chains lose their ends first and what is left can be reached. The tokens alone still tell what is computed once more.
"""

from array import array
from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass, field

from training.sampling.row_cache import Part, RowCache, States


@dataclass(slots=True, eq=False)
class Segment:
    """Tokens after a parent, and their states where these are held."""

    ids: "array[int]"
    states: States | None = None
    children: "dict[int, Segment]" = field(default_factory=dict)
    """By their first token."""

    def first(self, count: int) -> Part:
        """The states of the first `count` tokens, not copied; none where none are held."""
        states = self.states or []
        if count < len(self.ids):
            states = [each[:, :, :count] for each in states]
        return Part(states, count)


class PrefixCache:
    """States within a budget of `budget` bytes; a budget of 0 keeps none."""

    def __init__(self, budget: int) -> None:
        self.budget = budget
        self._root = Segment(_tokens(()))
        self._held: OrderedDict[Segment, None] = OrderedDict()
        self._nbytes = 0

    @property
    def nbytes(self) -> int:
        """Memory of the states held; never more than the budget."""
        return self._nbytes

    def find(self, ids: Sequence[int]) -> list[Part]:
        """States of the longest held prefix of `ids` that leaves at least the last token to compute, in order."""
        walk = [(segment, count) for segment, count in self._walk(_tokens(ids[:-1])) if segment.states is not None]
        self._touch([segment for segment, _ in walk])
        return [segment.first(count) for segment, count in walk]

    def keep(self, ids: Sequence[int], cache: RowCache, row: int) -> int:
        """Keep the states of `ids`, with which `row` of `cache` begins.

        Returns how many of the tokens are new: no sequence kept under these weights had them after this beginning. What
        the budget cannot hold even alone stays out.
        """
        path, new = self._enter(_tokens(ids))
        self._hold(path, cache, row)
        return new

    def remember(self, ids: Sequence[int]) -> int:
        """Note that somebody else has run `ids`; returns as `keep` how many of the tokens are new."""
        return self._enter(_tokens(ids))[1]

    def _enter(self, tokens: "array[int]") -> tuple[list[Segment], int]:
        """Segments that begin with exactly `tokens`, made where there are none, and how many of the tokens are new."""
        walk = self._walk(tokens)
        path = [self._root, *(segment for segment, _ in walk)]
        seen = sum(count for _, count in walk)
        if walk and walk[-1][1] < len(path[-1].ids) and (seen < len(tokens) or path[-1].states is None):
            path[-1] = self._split(path[-2], path[-1], walk[-1][1])
        if seen < len(tokens):
            path.append(Segment(tokens[seen:]))
            path[-2].children[tokens[seen]] = path[-1]
        return path[1:], len(tokens) - seen

    def drop(self, ids: Sequence[int]) -> None:
        """Give back the memory of what only `ids` needs: nobody will ask for it any more."""
        for segment, count in reversed(self._walk(_tokens(ids))):
            if count < len(segment.ids) or any(child.states is not None for child in segment.children.values()):
                return
            self._let_go(segment)

    def clear(self) -> None:
        """Forget everything: the weights have changed."""
        self._root = Segment(_tokens(()))
        self._held.clear()
        self._nbytes = 0

    def _walk(self, tokens: "array[int]") -> list[tuple[Segment, int]]:
        """Segments from the root along `tokens`, and how many tokens of each match: all, save perhaps in the last."""
        walk: list[tuple[Segment, int]] = []
        segment, place = self._root, 0
        while place < len(tokens) and (child := segment.children.get(tokens[place])) is not None:
            count = _common(child.ids, tokens[place : place + len(child.ids)])
            walk.append((child, count))
            if count < len(child.ids):
                break
            segment, place = child, place + count
        return walk

    def _split(self, parent: Segment, segment: Segment, count: int) -> Segment:
        """Put a segment of the first `count` tokens between `parent` and `segment`, which loses them; returns it."""
        upper = Segment(segment.ids[:count], children={segment.ids[count]: segment})
        parent.children[segment.ids[0]] = upper
        segment.ids = segment.ids[count:]
        if segment.states is not None:
            # Copies, since a view of one half would hold the memory of both when the other half has gone.
            states = segment.states
            upper.states = [each[:, :, :count].clone() for each in states]
            segment.states = [each[:, :, count:].clone() for each in states]
            self._held[upper] = None
        return upper

    def _hold(self, path: Sequence[Segment], cache: RowCache, row: int) -> None:
        """Copy the states that the segments of `path` lack, as far as the budget can hold the whole path."""
        self._touch([segment for segment in path if segment.states is not None])
        place, needed, token_bytes = 0, 0, cache.token_bytes
        for segment in path:
            nbytes = len(segment.ids) * token_bytes
            needed += nbytes
            if segment.states is None:
                if needed > self.budget:
                    break
                # The path itself was used last and fits, so this takes from others only.
                self._make_room(nbytes)
                segment.states = cache.copy_states(row, place, len(segment.ids))
                self._held[segment] = None
                self._nbytes += nbytes
            place += len(segment.ids)
        self._touch([segment for segment in path if segment.states is not None])

    def _make_room(self, nbytes: int) -> None:
        while self._nbytes + nbytes > self.budget:
            self._let_go(next(iter(self._held)))

    def _let_go(self, segment: Segment) -> None:
        if segment.states is not None:
            del self._held[segment]
            self._nbytes -= sum(each.nbytes for each in segment.states)
            segment.states = None

    def _touch(self, path: Sequence[Segment]) -> None:
        for segment in reversed(path):
            self._held.move_to_end(segment)


def _tokens(ids: Sequence[int]) -> "array[int]":
    """Tokens in 4 bytes each, which compare at the speed of memory."""
    return array("i", ids)


def _common(left: "array[int]", right: "array[int]") -> int:
    """Length of the longest common beginning."""
    if left == right:
        return len(left)
    pairs = zip(left, right, strict=False)
    return next((place for place, (one, other) in enumerate(pairs) if one != other), min(len(left), len(right)))
