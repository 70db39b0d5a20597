"""Answers a report's goals: yes, no or not yet, in a sentence with the numbers."""

from dataclasses import dataclass
from typing import Literal

from webapp.reports.definition import Beats, Definition, Goal, Grows, ReachesPlateauWith
from webapp.reports.evidence import Evidence
from webapp.reports.results import Results, arrival, is_clear, ratio
from webapp.reports.statistics import Difference, Spread, difference_of
from webapp.reports.wording import (
    AXIS_WORDS,
    difference_words,
    gap_of,
    plateau_words,
    ratio_words,
    reached_words,
    spent_of,
    spread_words,
)

Verdict = Literal["yes", "no", "open"]
ICONS = {"yes": "✓", "no": "✕", "open": "…"}
LABELS = {"yes": "Yes", "no": "No", "open": "Not known yet"}
SURE = {
    True: "clear of the seeds' noise",
    False: "within their noise",
    None: "of too few seeds to tell it from chance",
}
TONES = {"yes": "good", "no": "bad", "open": "muted"}


@dataclass(frozen=True, slots=True)
class Answer:
    """What was asked, whether it is so, and by what numbers."""

    asked: str
    verdict: Verdict
    said: str

    @property
    def icon(self) -> str:
        return ICONS[self.verdict]

    @property
    def label(self) -> str:
        return LABELS[self.verdict]

    @property
    def tone(self) -> str:
        return TONES[self.verdict]


def answers_of(evidence: Evidence, results: Results) -> list[Answer]:
    """One for each goal. While runs are missing or moving, the verdict stays open and the numbers are told so far."""
    return [_settled(evidence, goal, _answer(evidence, results, goal)) for goal in evidence.definition.goals]


def _answer(evidence: Evidence, results: Results, goal: Goal) -> Answer:
    match goal:
        case ReachesPlateauWith():
            return _reaches(evidence, results, goal)
        case Beats():
            return _beats(evidence.definition, results, goal)
        case Grows():
            return _grows(evidence.definition, results, goal)


def _settled(evidence: Evidence, goal: Goal, answer: Answer) -> Answer:
    about = {goal.arm, getattr(goal, "of", goal.arm)}
    cells = [cell for cell in evidence.cells if cell.arm.slug in about]
    left = sum(not cell.is_done for cell in cells)
    if not left:
        return answer
    words = f"{left} of {len(cells)} runs are not done." if len(cells) > 1 else "The run is not done."
    so_far = f" So far: {answer.said}" if answer.verdict != "open" else f" {answer.said}"
    return Answer(answer.asked, "open", words + so_far)


def _reaches(evidence: Evidence, results: Results, goal: ReachesPlateauWith) -> Answer:
    arm, of = evidence.definition.arm(goal.arm).title, evidence.definition.arm(goal.of).title
    spent = AXIS_WORDS[goal.axis]
    asked = f"Does {arm} reach the plateau of {of} with at most {goal.share:.3g} of its {spent}?"
    plateau = results.of(goal.of).plateau
    if plateau is None:
        return Answer(asked, "open", f"{of} has too few figures for a plateau.")
    level = f"The plateau of {of} is {plateau_words(results.info, plateau)}"
    if not is_clear(evidence, goal.of):
        return Answer(
            asked, "open", f"{level}: not every seed of it gained more than noise, so there is nothing to get to."
        )
    ours = arrival(evidence, goal.arm, goal.of, goal.axis)
    theirs = arrival(evidence, goal.of, goal.of, goal.axis)
    if ours is None or theirs is None:
        return Answer(asked, "open", f"{level}; {arm if ours is None else of} has no figures over {spent}.")
    numbers = f"{arm}: {reached_words(goal.axis, ours)} {spent}; {of}: {reached_words(goal.axis, theirs)}. {level}."
    share = ratio(evidence, goal.arm, goal.of, goal.axis)
    if share is None:
        return Answer(asked, "no" if ours.place is None else "open", numbers)
    verdict: Verdict = "yes" if share.value <= goal.share else "no"
    sure = ""
    if share.range and verdict == "yes":
        sure = (
            ", whichever seed is left out" if share.range[1] <= goal.share else ", but not whichever seed is left out"
        )
    return Answer(asked, verdict, f"It takes {ratio_words(share)} of them{sure}. {numbers}")


def _beats(definition: Definition, results: Results, goal: Beats) -> Answer:
    arm, of = definition.arm(goal.arm).title, definition.arm(goal.of).title
    by = f" by at least {gap_of(results.info, goal.by).lstrip('+')}" if goal.by else ""
    place = {"plateau": "at its plateau", "end": "at the end"}.get(goal.at)
    if goal.at == "tokens" or goal.at == "time":
        equal = results.equal[goal.at]
        place = f"after equal {AXIS_WORDS[goal.at]}" + (f" ({spent_of(goal.at, equal)})" if equal is not None else "")
    asked = f"Is {arm} better than {of}{by} {place}?"
    ours, theirs = _values(results, goal.arm, goal), _values(results, goal.of, goal)
    if ours is None or theirs is None:
        return Answer(asked, "open", f"{arm if ours is None else of} has too few figures.")
    found = difference_of(ours.values, theirs.values)
    if found is None:
        return Answer(asked, "open", "There are no figures.")
    gain = -found.value if results.info.direction == "down" else found.value
    sure = _sure(found, goal.by if results.info.direction != "down" else -goal.by)
    numbers = f"{arm} {spread_words(results.info, ours)}, {of} {spread_words(results.info, theirs)}"
    gap = f"{difference_words(results.info, found)}, {SURE[sure]} (n = {ours.n} and {theirs.n})"
    better = gain > 0 and gain >= goal.by
    return Answer(asked, ("yes" if better else "no") if sure else "open", f"The difference is {gap}. {numbers}.")


def _sure(found: Difference, by: float) -> bool | None:
    """Whether the interval of a difference leaves out what was asked for, to either side; None with a single seed."""
    if found.interval is None:
        return None
    low, high = found.interval
    return not low <= by <= high


def _values(results: Results, arm: str, goal: Beats) -> Spread | None:
    figures = results.of(arm)
    if goal.at == "plateau":
        return figures.plateau.level if figures.plateau else None
    return figures.end if goal.at == "end" else figures.at_equal[goal.at]


def _grows(definition: Definition, results: Results, goal: Grows) -> Answer:
    arm = definition.arm(goal.arm).title
    asked = f"Does {arm} end at {goal.factor:.3g} times where it began, or better?"
    figures = results.of(goal.arm)
    begin, end = figures.begin, figures.end
    if begin is None or end is None:
        return Answer(asked, "open", "There are no figures.")
    pairs = list(zip(begin.values, end.values, strict=True))
    factors = [last / first for first, last in pairs if first > 0]
    numbers = f"{spread_words(results.info, begin)} at first, {spread_words(results.info, end)} at the end"
    if len(factors) < len(pairs):
        return Answer(asked, "open", f"A seed begins at 0, of which there is no multiple: {numbers}.")
    mean = end.mean / begin.mean
    every = f" ({min(factors):.2f} to {max(factors):.2f} over {len(factors)} seeds)" if len(factors) > 1 else ""
    return Answer(asked, "yes" if mean >= goal.factor else "no", f"{mean:.2f} times{every}: {numbers}.")
