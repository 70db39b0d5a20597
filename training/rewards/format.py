"""Whether a response keeps to the form it was asked for."""

import re
from typing import Literal

from training.rewards.extract import final_marks

_THINK_ANSWER = re.compile(r"<think>.*?</think>\s*<answer>(.*?)</answer>(?:\s*\Z|\s*?\n)", re.DOTALL)
_TAGS = ("<think>", "</think>", "<answer>", "</answer>")


def follows(text: str, rule: Literal["answer", "think_answer"]) -> bool:
    r"""Whether the response ``text`` follows ``rule``.

    answer: exactly one answer is marked, by ``\boxed{}``, ``<answer>`` or ``####`` (a box inside the tags is one).
    think_answer: the response starts with ``<think>``; each of the four tags stands there once; only white space lies
    between ``</think>`` and ``<answer>``; the answer is not blank. Text on the lines after ``</answer>`` is allowed, as
    in open-r1's pattern.

    Raises ValueError for an unknown rule.
    """
    if rule == "answer":
        return len(final_marks(text)) == 1
    if rule == "think_answer":
        if any(text.count(tag) != 1 for tag in _TAGS):
            return False
        match = _THINK_ANSWER.match(text)
        return match is not None and bool(match[1].strip())
    raise ValueError(f"unknown format rule {rule!r}; choose answer or think_answer")
