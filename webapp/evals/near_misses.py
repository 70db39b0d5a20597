"""Answers that the verifier found wrong but that look like the reference: rules that read texts and nothing else.

They only point; a person decides. So they may be generous, as long as most of what they point at is worth a look.
"""

import re
import unicodedata
from fractions import Fraction

from training.rewards.compare import tidy

LONGEST = 400
"""Characters of an answer that are looked at; longer ones are no answers."""
_FRACTION = re.compile(r"\\[dt]?frac\{([^{}]+)\}\{([^{}]+)\}|\\[dt]?frac(\d)(\d)")
_DROPPED = re.compile(r"\\(?:left|right|,|;|:|!|quad|qquad| )|[\s{}$]|\\(?=[%#&])|\^\\circ|°")
_GROUPS = re.compile(r"(?<=\d),(?=\d{3}(?!\d))")
_NUMBER = re.compile(r"[-+]?\d+(?:\.\d+)?")
_QUOTIENT = re.compile(r"([-+]?\d+(?:\.\d+)?)(?:/(\d+(?:\.\d+)?))?(%?)")


def near_miss(extracted: str | None, reference: str) -> str:
    """Why a wrong answer looks equal to the reference, in words; empty when it does not."""
    if not extracted or len(extracted) > LONGEST or len(reference) > LONGEST:
        return ""
    found, wanted = plain(extracted), plain(reference)
    if not wanted or not found:
        return ""
    if found == wanted:
        return "the same once case, spacing and markup are dropped"
    if _same_number(found, wanted):
        return "the same number, written another way"
    last = found.rsplit("=", 1)[-1]
    if "=" in found and "=" not in wanted and (last == wanted or _same_number(last, wanted)):
        return "the same after its last equals sign"
    if _unordered(found) == _unordered(wanted):
        return "the same parts in another order"
    return "holds the reference and no other number" if _holds(extracted, reference) else ""


def plain(text: str) -> str:
    """A text without what carries no meaning in an answer: ``\\frac{1}{2}\\,`` → ``1/2``."""
    text = tidy(unicodedata.normalize("NFKC", text)).casefold()
    text = _FRACTION.sub(lambda m: f"{m[1] or m[3]}/{m[2] or m[4]}", text)
    text = _GROUPS.sub("", _DROPPED.sub("", text)).rstrip(".")
    while len(text) > 2 and (text[0], text[-1]) in {("(", ")"), ("[", "]"), ('"', '"'), ("'", "'")}:
        inner = text[1:-1]
        if any(letter in inner for letter in "()[],"):
            break
        text = inner
    return text


def _same_number(one: str, other: str) -> bool:
    first, second = _value(one), _value(other)
    return first is not None and first == second


def _value(text: str) -> Fraction | None:
    match = _QUOTIENT.fullmatch(text)
    if not match or (match[2] and not Fraction(match[2])):
        return None
    value = Fraction(match[1]) / Fraction(match[2] or 1)
    return value / 100 if match[3] else value


def _unordered(text: str) -> list[str]:
    """The parts of a list ``1,2`` or of a choice ``1 or 2``; a text of one part is itself."""
    return sorted(re.split(r",|;|(?<=\d)or(?=[-\d])|(?<=\d)and(?=[-\d])", text))


def _holds(extracted: str, reference: str) -> bool:
    """Whether the reference stands in the answer as words of its own, with no other number beside it."""
    text, wanted = (" ".join(tidy(part).casefold().split()) for part in (extracted, reference))
    match = re.search(rf"(?<![\w.+\-*/^]){re.escape(wanted)}(?![\w*/^]|\.\d)", text)
    if not match:
        return False
    beside = text[: match.start()] + " " + text[match.end() :]
    return not _NUMBER.search(beside)
