"""Answers between tags, in the turns of a response: what a model itself puts forward as its answer."""

import re
from collections.abc import Sequence

_OPENING, _CLOSING = "<answer>", "</answer>"
_ANSWER = re.compile(rf"{_OPENING}((?:(?!{_OPENING}).)*?){_CLOSING}", re.DOTALL)


def answer_tags(text: str) -> int:
    """Answers that are opened in a text, closed or not."""
    return text.count(_OPENING)


def last_answer(turns: Sequence[str]) -> str:
    """The last complete answer, its tags included, that stands within one turn; empty when there is none."""
    found = [match[0] for turn in turns for match in _ANSWER.finditer(turn)]
    return found[-1] if found else ""
