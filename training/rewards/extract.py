r"""Finds the final answer in a response.

The rule, in this order:

1. Of all complete, non-empty ``\boxed{…}`` and ``<answer>…</answer>``, the one that closes last. A box inside the tags,
   or a box that fills a box, is unwrapped.
2. Else the last ``####`` with something after it on its line.

Marks that are empty or never closed do not count. Only the model's response may be given here, never the prompt: a
prompt that quotes a mark would answer itself. One pass over the text: hostile nesting costs no more than its length.
"""

import re
from dataclasses import dataclass

_BOX_OPEN = r"\\(?:boxed|fbox|framebox)\s*\{"
_TOKEN = re.compile(rf"{_BOX_OPEN}|\\.|[{{}}]|<answer>|</answer>", re.DOTALL)
_INK = re.compile(r"\S")

BOX = r"\boxed{}"
TAGS = "<answer>"
HASHES = "####"


@dataclass(frozen=True, slots=True)
class Extraction:
    """An answer and where it stands: ``response[start:end] == text``; ``mark`` is BOX, TAGS or HASHES."""

    text: str
    start: int
    end: int
    mark: str


@dataclass(frozen=True, slots=True)
class _Mark:
    """A complete mark: the whole of it, and the answer it holds after unwrapping."""

    start: int
    end: int
    answer_start: int
    answer_end: int
    kind: str


def extract(response: str) -> Extraction | None:
    """The final answer of ``response``, stripped of outer white space; None when no complete mark holds one."""
    marks = final_marks(response)
    return _extraction(response, marks[-1]) if marks else None


def final_marks(response: str) -> list[_Mark]:
    """Complete, non-empty marks that lie in no other: boxes and tags, or the ``####`` lines where there are none."""
    return _brackets(response) or _hashes(response)


def why_nothing(response: str) -> str:
    """Why ``extract`` found no answer, in words."""
    if re.search(_BOX_OPEN, response):
        return r"the response has \boxed{} but it is empty or never closed"
    if "<answer>" in response:
        return "the response has <answer> but it is empty or never closed"
    if HASHES in response:
        return "nothing follows #### in the response"
    return r"the response marks no answer with \boxed{}, <answer></answer> or ####"


def _extraction(text: str, mark: _Mark) -> Extraction:
    raw = text[mark.answer_start : mark.answer_end]
    start = mark.answer_start + len(raw) - len(raw.lstrip())
    answer = raw.strip()
    return Extraction(answer, start, start + len(answer), mark.kind)


def _brackets(text: str) -> list[_Mark]:
    found: list[_Mark] = []
    braces: list[tuple[int, int] | None] = []
    tag: tuple[int, int] | None = None
    for token in _TOKEN.finditer(text):
        word = token[0]
        if word == "<answer>":
            tag = token.span()
        elif word == "</answer>":
            if tag:
                _close(text, found, tag, token.span(), TAGS)
            tag = None
        elif word == "}":
            opened = braces.pop() if braces else None
            if opened:
                _close(text, found, opened, token.span(), BOX)
        elif word.endswith("{") and word != r"\{":
            braces.append(token.span() if word[0] == "\\" else None)
    return found


def _close(text: str, found: list[_Mark], opened: tuple[int, int], closed: tuple[int, int], kind: str) -> None:
    """Record the mark between two brackets in place of the marks inside it; each of those is looked at only here."""
    start, end = opened[1], closed[0]
    if not _INK.search(text, start, end):
        return
    inner = None
    while found and found[-1].start >= start:
        mark = found.pop()
        inner = inner or mark
    if inner and inner.kind == BOX and (kind == TAGS or _fills(text, inner, start, end)):
        start, end = inner.answer_start, inner.answer_end
    found.append(_Mark(opened[0], closed[1], start, end, kind if inner is None or kind == TAGS else BOX))


def _fills(text: str, inner: _Mark, start: int, end: int) -> bool:
    return not _INK.search(text, start, inner.start) and not _INK.search(text, inner.end, end)


def _hashes(text: str) -> list[_Mark]:
    found = []
    line_start = 0
    for line in text.splitlines(keepends=True):
        at = line.rfind(HASHES)
        if at >= 0 and line[at + len(HASHES) :].strip():
            answer = line_start + at + len(HASHES)
            found.append(_Mark(line_start + at, line_start + len(line), answer, line_start + len(line), HASHES))
        line_start += len(line)
    return found
