"""The phrases in which a run's most uncertain tokens stand, by class: at its beginning, and now."""

import re
from bisect import bisect_right
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass

from django.db.models import QuerySet

from training.token_classes import TOKEN_CLASSES, UNCLASSED, TokenClass, classify
from webapp.inspection.models import Rollout, Split
from webapp.inspection.rollout_page import arrays_of, text_of
from webapp.runs.models import Run

READ_ROLLOUTS = 60
READ_TOKENS = 60_000
"""Of either end of a run: enough to see what is frequent, little enough to be read while one waits."""
WORDS = 3
SHOWN = 8

_WORD = re.compile(r"\\[nrt\"]|</?\w+>|[^\W\d_]+(?:['-][^\W\d_]+)*|\d+|[^\w\s]|_")


@dataclass(frozen=True, slots=True)
class Phrase:
    """Words that begin with an uncertain token, digits as ``#``, and where one of them stands."""

    words: str
    count: int
    rollout: int
    token: int


@dataclass(frozen=True, slots=True)
class ClassPhrases:
    """What is frequent in one class."""

    name: TokenClass
    tokens: int
    phrases: list[Phrase]


@dataclass(frozen=True, slots=True)
class Reading:
    """Some responses of a run, all of the steps from ``first`` to ``last``."""

    rollouts: int
    first: int
    last: int
    classes: list[ClassPhrases]


def read_phrases(run: Run) -> list[Reading]:
    """Readings of a run's first and newest responses that may call tools; one where both are the same, or none."""
    rows = Rollout.objects.filter(run=run, split=Split.TRAIN, trace__isnull=False)
    rows = rows.select_related("body", "tokens", "trace").defer("parts", "extracted")
    newest = _read(rows.order_by("-step", "-pk"))
    earliest = _read(rows.order_by("step", "pk"))
    if newest is None or earliest is None:
        return []
    return [newest] if earliest.last >= newest.first else [earliest, newest]


def _read(rows: QuerySet[Rollout]) -> Reading | None:
    """Count the phrases of the first of these rows."""
    found: dict[TokenClass, Counter[str]] = {name: Counter() for name in TOKEN_CLASSES}
    places: dict[tuple[TokenClass, str], tuple[int, int]] = {}
    tokens: Counter[TokenClass] = Counter()
    steps: list[int] = []
    length = 0
    for rollout in rows[:READ_ROLLOUTS]:
        if steps and length + rollout.length > READ_TOKENS:
            break
        steps.append(rollout.step)
        length += rollout.length
        seen: set[tuple[TokenClass, int]] = set()
        tokens.update({name: getattr(rollout.trace, f"{name}_tokens") for name in TOKEN_CLASSES})
        for name, token, word, phrase in _phrases_of(rollout):
            if (name, word) not in seen:
                seen.add((name, word))
                found[name][phrase] += 1
                places.setdefault((name, phrase), (rollout.pk, token))
    if not steps:
        return None
    classes = [
        ClassPhrases(
            name,
            tokens[name],
            [Phrase(words, count, *places[name, words]) for words, count in found[name].most_common(SHOWN)],
        )
        for name in TOKEN_CLASSES
    ]
    return Reading(len(steps), min(steps), max(steps), classes)


def _phrases_of(rollout: Rollout) -> Iterator[tuple[TokenClass, int, int, str]]:
    """Class, number, number of its word, and phrase of each uncertain token that stands in a word.

    Programs stand in calls as JSON: their escapes are no words. Phrases begin with letters or digits, but for the class
    of other tokens.
    """
    text, arrays = text_of(rollout), arrays_of(rollout)
    entropies = None if arrays is None else arrays.get("entropy")
    if arrays is None or entropies is None:
        return
    classes = classify(text, arrays.ends, entropies, arrays.get("mask")).classes
    words = [word for word in _WORD.finditer(text) if not word[0].startswith("\\")]
    beginnings = [word.start() for word in words]
    for token in (classes != UNCLASSED).nonzero()[0].tolist():
        end = int(arrays.ends[token])
        place = bisect_right(beginnings, end - 1) - 1
        if place < 0 or words[place].end() <= int(arrays.starts[token]):
            continue  # white space, or a mark without text
        name = TOKEN_CLASSES[classes[token]]
        if name != "other" and not any(map(str.isalnum, words[place][0])):
            continue
        phrase = " ".join("#" if word[0].isdigit() else word[0].lower() for word in words[place : place + WORDS])
        yield name, token, place, phrase
