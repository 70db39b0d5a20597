"""Which problems are fit to train on: answers that a verifier can be sure of, and nothing that the tests ask, too."""

import re
from collections.abc import Iterable, Sequence

from training.problems.types import Problem

_INTEGER = re.compile(r"[+-]?(\d+|\d{1,3}(,\d{3})+)(\.0*)?")
_WORD = re.compile(r"\w+|[^\w\s]")


def has_integer_answer(problem: Problem) -> bool:
    """Whether the answer is written as an integer, with or without thousands separators."""
    return _INTEGER.fullmatch(problem.answer.strip().strip("$ ")) is not None


def without_overlap(problems: Iterable[Problem], measured: Iterable[Problem], words: int) -> list[Problem]:
    """The problems that share no `words` words in a row with one that is measured by.

    Signs are words, too; case and spacing do not count. Prompts with fewer words overlap with nothing.
    """
    asked = {run for problem in measured for run in runs_of_words(problem.prompt, words)}
    return [problem for problem in problems if asked.isdisjoint(runs_of_words(problem.prompt, words))]


def runs_of_words(text: str, length: int) -> set[Sequence[str]]:
    """All runs of that many words."""
    words = _WORD.findall(text.lower())
    return {tuple(words[start : start + length]) for start in range(len(words) - length + 1)}
