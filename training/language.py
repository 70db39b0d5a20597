"""In which language a response thinks: the words of its reasoning by the script they are written in.

DeepSeek-R1 pays the share of words in the target language among all words of the chain of thought. Which language a
word is of cannot be told from a few letters, but its script can; that is what mixing looks like in practice. Digits,
operators and marks are no words: reasoning in symbols alone is in no language, and so in none but the target's.
"""

import unicodedata
from collections import Counter
from collections.abc import Iterator
from functools import lru_cache
from itertools import groupby

THINK, END_OF_THINK, ANSWER = "<think>", "</think>", "<answer>"

WORDLESS = frozenset({"cjk", "hiragana", "katakana", "thai"})
"""Scripts without spaces between words: each letter counts as one."""

GARBLED = "garbled"
"""The script of what is no text, such as half a character."""

_NAMED = {
    "LATIN": "latin",
    "CYRILLIC": "cyrillic",
    "GREEK": "greek",
    "ARABIC": "arabic",
    "HEBREW": "hebrew",
    "DEVANAGARI": "devanagari",
    "HANGUL": "hangul",
    "HIRAGANA": "hiragana",
    "KATAKANA": "katakana",
    "CJK": "cjk",
    "THAI": "thai",
}


def reasoning_of(text: str) -> str:
    """The chain of thought: what stands between think tags, or before the answer where there are none."""
    _, opened, after = text.partition(THINK)
    if opened:
        return after.partition(END_OF_THINK)[0]
    return text.partition(END_OF_THINK)[0].partition(ANSWER)[0]


def words_by_script(text: str) -> Counter[str]:
    """How many words of each script there are; marks in angle brackets, such as tags, are none."""
    return Counter(_words(text))


def language_share(text: str, script: str) -> float:
    """Share of words in this script among all words of a text; 1 where there are none."""
    words = words_by_script(text)
    total = words.total()
    return words[script] / total if total else 1.0


def mixes_scripts(text: str) -> bool:
    """Whether words of more than one script stand in it. Japanese, which uses three, mixes none."""
    found = set(words_by_script(text))
    japanese = {"hiragana", "katakana"}
    if found & japanese:
        found = found - japanese - {"cjk"} | {"japanese"}
    return len(found) > 1


def _words(text: str) -> Iterator[str]:
    """The script of each word in turn."""
    for script, letters in groupby(text, key=_script_of):
        if script in WORDLESS or script == GARBLED:
            yield from (script for _ in letters)
        elif script:
            yield script


@lru_cache(maxsize=4096)
def _script_of(letter: str) -> str:
    """Empty for what is no letter."""
    if letter == "\ufffd" or unicodedata.category(letter) in ("Co", "Cs", "Cn"):
        return GARBLED
    if unicodedata.category(letter) in ("Mn", "Mc"):
        return ""
    if not letter.isalpha():
        return ""
    return _NAMED.get(unicodedata.name(letter, "").partition(" ")[0], "other")
