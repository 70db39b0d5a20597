"""What can be decided without symbolic algebra: numbers, words and identical texts, a million a few seconds."""

import re
from dataclasses import dataclass

_WRAPPERS = re.compile(r"\\(?:text|textbf|textit|mathrm|mathbf|operatorname)\{([^{}\\]*)\}")
_SPACE = re.compile(r"\s+")
_NUMBER = re.compile(r"([+-]?)(\d+|\d{1,3}(?:,\d{3})+)(?:\.(\d*))?|([+-]?)\.(\d+)")
_WORDS = re.compile(r"[^\W\d_][^\W\d_' -]*(?:[' -]+[^\W\d_]+)*")
_DOLLARS = (("$$", "$$"), ("$", "$"), (r"\(", r"\)"), (r"\[", r"\]"))

_DIGITS = re.compile(r"[\d\s.,]*")
_ONE_EQUATION = re.compile(r"[^,;<>!]*=(?P<value>[^=]*)")
_LATEX_SPACE = re.compile(r"\\(?:[,;:! ]|left\b|right\b|q?quad\b)")
_OPERATOR = r"[-+*\N{MULTIPLICATION SIGN}\N{DIVISION SIGN}\N{MIDDLE DOT}]|\\(?:times|cdot|div|ast|pm)(?![a-z])"
_WRAPPED_OPERATOR = re.compile(rf"\{{\s*({_OPERATOR})\s*\}}")
_LEFT_STANDING = re.compile(rf"[\d)}}\]!%.]\s*(?:{_OPERATOR})(?!\s*10\s*\^)|\)\s*[(\d]|\d\s*\(")

SHORT_WORDS = frozenset({"no"})
FUNCTIONS = frozenset({"sin", "cos", "tan", "cot", "sec", "csc", "log", "exp", "sqrt", "arcsin", "arccos", "arctan"})


@dataclass(frozen=True, slots=True)
class Judgement:
    """Whether answer and reference are equal (None: cannot be said) and why, as the second half of a sentence."""

    correct: bool | None
    reason: str


def compare(answer: str, reference: str) -> Judgement | None:
    """Judge what plain text suffices for; None where it takes symbolic algebra.

    An empty reference is equal to nothing: a broken reference must never be paid.
    """
    if answer.isdecimal() and reference.isdecimal() and answer.isascii() and reference.isascii():
        same = answer.lstrip("0") == reference.lstrip("0")  # nearly every case of arithmetic, in a fifth of the time
        return Judgement(same, f"{_equal(same)} {shorten(reference)} as integers")
    found, wanted = tidy(answer), tidy(reference)
    if is_blank(wanted):
        return Judgement(None, "the reference answer is empty, so nothing can be equal to it")
    shown = shorten(reference)
    number, target = as_number(found), as_number(wanted)
    if number is not None and target is not None:
        kind = "integers" if "." not in number + target else "decimals"
        return Judgement(number == target, f"{_equal(number == target)} {shown} as {kind}")
    if found == wanted:
        return Judgement(True, f"equal to reference {shown} as text")
    if target is not None:
        return _compare_to_number(found, target, shown)
    if is_words(wanted):
        same = found.casefold() == wanted.casefold()
        return Judgement(same, f"{_equal(same)} {shown} as words")
    return None


def _compare_to_number(found: str, target: str, shown: str) -> Judgement | None:
    """Judge an answer that is no number itself; what stands after its last equals sign counts.

    A sum or product that was left standing is no answer to an arithmetic problem: a model that copies ``12+7*3`` from
    the question would be paid for it by symbolic algebra. Fractions, powers and ``1.2 \\times 10^5`` may stand.
    """
    equation = _ONE_EQUATION.fullmatch(found)
    value = equation["value"].strip() if equation else found
    number = as_number(value)
    if number is not None:
        return Judgement(number == target, f"{_equal(number == target)} {shown} after its last equals sign")
    if is_words(value) or _DIGITS.fullmatch(value):
        return Judgement(False, f"{_equal(False)} {shown}: the answer is no number")
    if _LEFT_STANDING.search(_WRAPPED_OPERATOR.sub(r"\1", _LATEX_SPACE.sub("", value))):
        return Judgement(False, f"{_equal(False)} {shown}: the answer is a sum or product that was not worked out")
    return None


def tidy(text: str) -> str:
    r"""Without dollar signs, ``\text{}`` and the like around it, runs of white space, and a full stop at the end."""
    text = bare(_SPACE.sub(" ", text.replace("\N{MINUS SIGN}", "-")))
    text = _SPACE.sub(" ", _WRAPPERS.sub(r"\1", text)).strip()
    return text[:-1].rstrip() if text.endswith(".") else text


def is_blank(text: str) -> bool:
    """Whether ``text`` is brackets and punctuation only: no letter, digit, comparison or symbol such as ``∞``."""
    return not any(letter.isalnum() or letter in "<>=" or not letter.isascii() for letter in text)


def bare(text: str) -> str:
    """Without white space and one pair of mathematics delimiters around it."""
    text = text.strip()
    for left, right in _DOLLARS:
        inner = text[len(left) : -len(right)]
        if text.startswith(left) and text.endswith(right) and inner and left not in inner:
            return inner.strip()
    return text


def as_number(text: str) -> str | None:
    """The canonical digits of an integer or decimal (``"+1,050.50"`` → ``"1050.5"``), or None when it is none.

    Digits are compared as text: exact, and linear in their length however many there are.
    """
    plain = text.removeprefix("\\$").removeprefix("$").lstrip().replace("{,}", ",").replace("\\,", "")
    match = _NUMBER.fullmatch(plain)
    if match is None or not plain.isascii():
        return None
    sign, whole = match[1] or match[4] or "", (match[2] or "0").replace(",", "").lstrip("0") or "0"
    fraction = (match[3] or match[5] or "").rstrip("0")
    digits = f"{whole}.{fraction}" if fraction else whole
    return f"-{digits}" if sign == "-" and digits != "0" else digits


def is_words(text: str) -> bool:
    """Whether ``text`` is words, such as ``Yes`` or ``not convergent``, and no product of variables or function."""
    if not _WORDS.fullmatch(text):
        return False
    words = text.casefold().split()
    return any(len(word) > 2 or word in SHORT_WORDS for word in words) and not FUNCTIONS.intersection(words)


def shorten(text: str, limit: int = 60) -> str:
    """``text`` on one line, cut with an ellipsis."""
    line = _SPACE.sub(" ", text[: 4 * limit]).strip()
    return line if len(line) <= limit and len(text) <= 4 * limit else line[: limit - 1] + "…"


def _equal(same: bool) -> str:
    return "equal to reference" if same else "not equal to reference"
