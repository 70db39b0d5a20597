"""Full-text search over responses, and snippets that show where the words stand."""

from collections.abc import Collection
from dataclasses import dataclass

from django.contrib.postgres.search import SearchHeadline, SearchQuery
from django.db.models import Q

from webapp.inspection.models import SEARCH_CONFIG, UNSEARCHED, RolloutText, searched

_STAND_INS = "\x02\x03\x04"
_BEFORE, _AFTER = str.maketrans(UNSEARCHED, "   "), str.maketrans(_STAND_INS, UNSEARCHED)
_OPEN, _CLOSE = "\ue000", "\ue001"
"""Mark hits inside a headline. Private characters, and harmless where a response holds them, too."""
SNIPPET_WORDS = 24
FEW_MATCHES = 10_000
"""Matches that can be looked up, narrowed and sorted at once."""


@dataclass(frozen=True, slots=True)
class Snippet:
    """A stretch of a response as (text, whether it is a hit) in order. Plain text: templates escape it."""

    parts: list[tuple[str, bool]]


def matching(words: str) -> Q:
    """Rollouts whose text has these words; ``"a phrase"``, ``or`` and ``-without`` as on the web.

    Either form finds the same. Rare words are looked up first, and their rollouts then narrowed and sorted; of
    common ones, a walk through the sorted list soon meets enough. Left alone, PostgreSQL walks for rare ones, too.
    """
    found = RolloutText.objects.filter(search=words_query(words)).values_list("pk", flat=True)[: FEW_MATCHES + 1]
    keys = list(found)
    return Q(pk__in=keys) if len(keys) <= FEW_MATCHES else Q(body__search=words_query(words))


def snippets(rollouts: Collection[int], words: str) -> dict[int, Snippet]:
    """The best stretch of each of these rollouts. Costs a reading of their texts, so only for the rows of a page."""
    rows = RolloutText.objects.filter(pk__in=rollouts).annotate(headline=headline("text", words))
    return {pk: snippet(found) for pk, found in rows.values_list("pk", "headline")}


def headline(column: str, words: str) -> SearchHeadline:
    """SQL for the best stretch of a column; `snippet` reads what it gives."""
    return SearchHeadline(
        searched(column, _STAND_INS),
        words_query(words),
        config=SEARCH_CONFIG,
        start_sel=_OPEN,
        stop_sel=_CLOSE,
        max_words=SNIPPET_WORDS,
        min_words=SNIPPET_WORDS // 2,
        max_fragments=2,
        fragment_delimiter=" … ",
    )


def snippet(found: str) -> Snippet:
    """A headline as parts."""
    return Snippet(_parts(found))


def words_query(words: str) -> SearchQuery:
    """What a person typed: words, ``"a phrase"``, ``or``, ``-without``."""
    return SearchQuery(words.translate(_BEFORE), search_type="websearch", config=SEARCH_CONFIG)


def _parts(headline: str) -> list[tuple[str, bool]]:
    parts: list[tuple[str, bool]] = []
    for number, piece in enumerate(headline.translate(_AFTER).split(_OPEN)):
        hit, closed, rest = piece.partition(_CLOSE) if number else ("", "", piece)
        if not closed:
            hit, rest = "", hit + rest
        parts += [(text.replace(_CLOSE, ""), is_hit) for text, is_hit in ((hit, True), (rest, False)) if text]
    return parts
