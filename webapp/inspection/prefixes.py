"""What texts have in common: the beginning that siblings share, and the frame that a template puts around prompts."""

import re
from collections.abc import Sequence
from dataclasses import dataclass

FOLDED_AT_LEAST = 16
"""Characters a shared beginning must have to be folded; a shorter one costs less to read than to unfold."""

_NEXT_PIECE = re.compile(r"</?\w+>|\w+|\s+\w*|[^\w\s]+|$")
_FRAME_ENDS = re.compile(r"\n|:\s|>(?!\w)")


@dataclass(frozen=True, slots=True)
class Parting:
    """How one text goes on where it leaves the others."""

    first: str
    """The first piece that is different; empty where the text ends here."""
    rest: str


def common_prefix(texts: Sequence[str]) -> str:
    """The longest beginning of all texts that cuts no word, number or tag of any of them in two."""
    if len(texts) < 2:
        return ""
    length = _shared(texts)
    while length > 0 and any(_cuts_a_word(text, length) for text in texts):
        length -= 1
    return texts[0][:length]


def part(text: str, prefix: str) -> Parting:
    """``text`` after ``prefix``, split after the first piece that sets it apart."""
    rest = text[len(prefix) :]
    if not rest:
        return Parting("", "")
    first = _NEXT_PIECE.match(rest)
    end = first.end() if first else 0
    return Parting(rest[:end], rest[end:])


@dataclass(frozen=True, slots=True)
class Frame:
    """What a template writes before and after every problem of a run."""

    before: int = 0
    after: int = 0
    """Characters."""

    def split(self, prompt: str) -> tuple[str, str, str]:
        """The prompt as template, problem, template."""
        end = len(prompt) - self.after
        if end < self.before:
            return "", prompt, ""
        return prompt[: self.before], prompt[self.before : end], prompt[end:]


def frame_of(prompts: Sequence[str]) -> Frame:
    """The frame around these prompts, as far as it ends like one: at a line's end, a tag or a colon."""
    if len(set(prompts)) < 2:
        return Frame()
    shared = prompts[0][: _shared(prompts)]
    before = max((match.end() for match in _FRAME_ENDS.finditer(shared)), default=0)
    backwards = [prompt[before:][::-1] for prompt in prompts]
    tail = backwards[0][: _shared(backwards)][::-1]
    opening = re.search(r"\s*<|\n", tail)
    return Frame(before, len(tail) - opening.start() if opening else 0)


def _shared(texts: Sequence[str]) -> int:
    """How many characters all texts begin with: what the first and the last in order share, all between share."""
    first, last = min(texts), max(texts)
    return next((place for place, (a, b) in enumerate(zip(first, last, strict=False)) if a != b), len(first))


def _cuts_a_word(text: str, at: int) -> bool:
    return at < len(text) and _joins_on(text[at - 1]) and (_in_word(text[at]) or text[at] == "/")


def _in_word(character: str) -> bool:
    return character.isalnum() or character == "_"


def _joins_on(character: str) -> bool:
    """Whether a word or tag goes on after it."""
    return _in_word(character) or character in "</"
