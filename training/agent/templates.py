"""The turn marks around what tools said, as token ids: those that a render of the whole conversation would have.

Assistant text is never rendered from messages again (templates drop or rewrite parts of it): a conversation of sentinel
texts is rendered once, and what stands between the sentinels is the scaffolding.
"""

import re
from bisect import bisect_left, bisect_right
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache

from training.codec import Codec
from training.errors import InputError

_TURN = "[turn]"
_RESULT = '[result "{}"\n]'
"""With what would show that a template does not take it as it is."""


@dataclass(frozen=True, slots=True)
class Between:
    """Tokens between two turns of the model, and where among them each result stands: [start, end)."""

    ids: list[int]
    spans: list[tuple[int, int]]


class TurnTemplate:
    """What stands between two turns of the model. Raises InputError when the chat template allows no such turn."""

    def __init__(self, codec: Codec) -> None:
        self._codec = codec
        self._tokenizer = codec.tokenizer
        marks = sorted(self._tokenizer.get_added_vocab(), key=len, reverse=True)
        self._marks = re.compile("|".join(map(re.escape, marks)) or "(?!)")
        self._pieces = cache(self._render)
        self._pieces(1)  # says now what would go wrong later

    def between(self, results: Sequence[str], last: int) -> Between:
        """From the end of a turn whose last token is `last` to where the next turn begins.

        Each result stands there once; text in it that spells a token's name is not that token.
        """
        turn_end, pieces = self._pieces(len(results))
        missing = [] if last in self._codec.stop_ids else self._scaffold(turn_end)
        plain = not any(map(self._marks.search, results))
        between = self._at_once(pieces, results) if plain else self._in_parts(pieces, results)
        shift = len(missing)
        return Between(missing + between.ids, [(start + shift, end + shift) for start, end in between.spans])

    def _at_once(self, pieces: Sequence[str], results: Sequence[str]) -> Between:
        """As a tokenizer reads the whole text: a result and the mark beside it may share a token."""
        text, places = pieces[0], []
        for result, piece in zip(results, pieces[1:], strict=True):
            places.append((len(text), len(text) + len(result)))
            text += result + piece
        read = self._tokenizer(text, add_special_tokens=False, return_offsets_mapping=self._tokenizer.is_fast)
        ids = list(read["input_ids"])
        if not self._tokenizer.is_fast:
            return Between(ids, [(0, len(ids))] * len(results))
        starts, ends = zip(*read["offset_mapping"], strict=True)
        return Between(ids, [(bisect_right(ends, start), bisect_left(starts, end)) for start, end in places])

    def _in_parts(self, pieces: Sequence[str], results: Sequence[str]) -> Between:
        ids, spans = self._scaffold(pieces[0]), []
        for result, piece in zip(results, pieces[1:], strict=True):
            start = len(ids)
            ids += self._data(result)
            spans.append((start, len(ids)))
            ids += self._scaffold(piece)
        return Between(ids, spans)

    def _scaffold(self, text: str) -> list[int]:
        return list(self._tokenizer(text, add_special_tokens=False)["input_ids"])

    def _data(self, text: str) -> list[int]:
        """Ids of a text in which nothing is a mark: names of marks are cut after their first character."""
        cuts = [0]
        while found := self._marks.search(text, cuts[-1]):
            cuts.append(found.start() + 1)
        parts = [text[start:end] for start, end in zip(cuts, [*cuts[1:], len(text)], strict=True)]
        return [token for part in parts if part for token in self._scaffold(part)]

    def _render(self, count: int) -> tuple[str, list[str]]:
        """The mark that ends a turn, and the `count` + 1 texts around as many results."""
        sentinels = [_RESULT.format(number) for number in range(count)]
        text = self._codec.conversation(_TURN, sentinels)
        _, found, tail = text.partition(_TURN)
        if not found or any(tail.count(sentinel) != 1 for sentinel in sentinels):
            raise InputError("the chat template does not render what tools say; set prompt.tools to schema")
        ends = [self._codec.tokenizer.decode([stop]) for stop in self._codec.stop_ids]
        turn_end = next((end for end in ends if end and tail.startswith(end)), "")
        pieces, rest = [], tail[len(turn_end) :]
        for sentinel in sentinels:
            before, _, rest = rest.partition(sentinel)
            pieces.append(before)
        return turn_end, [*pieces, rest]
