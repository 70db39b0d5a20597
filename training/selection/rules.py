"""What a selection keeps, given what a model answered: pure functions."""

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from training.config.selection import Measured, NotAlwaysSolved, PassRate, RejectionSampling
from training.language import mixes_scripts, reasoning_of
from training.problems.types import Problem
from training.selection.asking import Answers, Response
from training.solutions.garbage import is_garbage

ROUNDING = 1e-9
"""A share of 0.29 of 100 samples is meant to be 29."""

SELDOM, OFTEN, ALWAYS = "solved too seldom", "solved too often", "always solved"
KNOWN = "solution known"
UNSOLVED, ALL_FILTERED = "no right response", "no right response passed the filters"
CUT, TWICE, GARBAGE, MIXED, LONG, CODE, SURPLUS = (
    "cut at the longest length",
    "the same response twice",
    "repetition or garbled text",
    "several scripts",
    "a long paragraph",
    "a block of code",
    "more than are kept",
)

_CODE_BLOCK = re.compile(r"^\s*(```|~~~)", re.MULTILINE)


@dataclass(slots=True)
class Kept:
    """What is left, and why the rest is not."""

    problems: list[Problem] = field(default_factory=list)
    """To train on. With rejection sampling one for each kept response, which is its solution."""
    reasons: list[str] = field(default_factory=list)
    """Of each problem asked, in order: why it is left out; empty for those that stay."""
    filtered: Counter[str] = field(default_factory=Counter)
    """With rejection sampling: right responses left out, by reason."""

    @property
    def dropped(self) -> Counter[str]:
        """Problems left out, by reason."""
        return Counter(reason for reason in self.reasons if reason)

    def take(self, problem: Problem, reason: str) -> None:
        """Note a problem that stays when there is no reason against it."""
        self.reasons.append(reason)
        if not reason:
            self.problems.append(problem)


def by_answers(selection: Measured, problems: Sequence[Problem], answers: Sequence[Answers]) -> Kept:
    """The problems that a measured selection leaves; `answers` are in their order, `selection.samples` to each."""
    kept = Kept()
    for problem, answer in zip(problems, answers, strict=True):
        if isinstance(selection, RejectionSampling):
            _sample(kept, selection, problem, answer)
        elif isinstance(selection, PassRate):
            kept.take(problem, rate_reason(selection, answer.right))
        elif isinstance(selection, NotAlwaysSolved):
            kept.take(problem, ALWAYS if answer.right == selection.samples else "")
        else:
            raise TypeError(f"no rule for a selection of the kind {type(selection).__name__}")
    return kept


def rate_reason(selection: PassRate, right: int) -> str:
    """Why a problem with so many right responses is left out; empty when it stays."""
    if right < selection.at_least * selection.samples - ROUNDING:
        return SELDOM
    return OFTEN if right > selection.at_most * selection.samples + ROUNDING else ""


def filter_reason(selection: RejectionSampling, text: str) -> str:
    """Why a right response is not imitated; empty when it may be."""
    reasoning = reasoning_of(text)
    if selection.no_repetition and is_garbage(text):
        return GARBAGE
    if selection.one_script and mixes_scripts(reasoning):
        return MIXED
    limit = selection.longest_paragraph
    if limit and any(len(paragraph) > limit for paragraph in re.split(r"\n\s*\n", text)):
        return LONG
    return CODE if selection.no_code and _CODE_BLOCK.search(reasoning) else ""


def _sample(kept: Kept, selection: RejectionSampling, problem: Problem, answer: Answers) -> None:
    """Put the right responses that pass the filters in the place of the problem's solution."""
    seen, passed = set[str](), list[Response]()
    if answer.right > len(answer.found):
        kept.filtered[CUT] += answer.right - len(answer.found)
    for response in answer.found:
        name = response.text.strip()
        if reason := TWICE if name in seen else filter_reason(selection, response.text):
            kept.filtered[reason] += 1
        else:
            passed.append(response)
        seen.add(name)
    chosen = _preferred(selection, passed)
    if len(passed) > len(chosen):
        kept.filtered[SURPLUS] += len(passed) - len(chosen)
    kept.reasons.append("" if chosen else ALL_FILTERED if answer.right else UNSOLVED)
    kept.problems += [replace(problem, solution=response.text, turns=()) for response in chosen]


def _preferred(selection: RejectionSampling, responses: list[Response]) -> list[Response]:
    """As many as are kept; of equally long ones those drawn first."""
    if selection.prefer != "drawn":
        sign = -1 if selection.prefer == "longest" else 1
        responses = sorted(responses, key=lambda response: sign * response.length)
    return responses[: selection.keep]
