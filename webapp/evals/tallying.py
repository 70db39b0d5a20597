"""Reads an evaluation's answers, summed up by SQL: problems with counts and votes, as graded and with overrides."""

import copy
from dataclasses import dataclass

from django.db.models import Count, Q, QuerySet, Sum

from training.algorithms.tallies import Tally
from webapp.evals.models import AskedProblem, Override
from webapp.inspection.models import Rollout, Split
from webapp.runs.models import Run

Tallies = dict[str, Tally]
"""By problem id."""
UNSORTED = "other"
"""Level of problems whose source names none."""


@dataclass(frozen=True, slots=True)
class Judged:
    """An override with the answer that it is about."""

    override: Override
    rollout: Rollout


@dataclass(frozen=True, slots=True)
class Answers:
    """All of an evaluation's answers, summed up."""

    graded: Tallies
    overridden: Tallies | None
    """None where there is no override."""
    overrides: int


def read_answers(run: Run) -> Answers:
    """As the verifier judged, and as it stands with overrides."""
    graded = _graded(run)
    judged = judged_answers(run)
    if not judged:
        return Answers(graded, None, 0)
    overridden = {name: copy.deepcopy(tally) for name, tally in graded.items()}
    for each in judged:
        _apply(each, overridden[each.override.problem_id])
    return Answers(graded, overridden, len(judged))


def answers_of(run: Run) -> QuerySet[Rollout]:
    """The rollouts of an evaluation."""
    return Rollout.objects.filter(run=run, split=Split.HELDOUT)


def judged_answers(run: Run) -> list[Judged]:
    """Overrides that hold, newest first: those not withdrawn whose answer is still the one that was judged."""
    held = {(each.problem_id, each.sample): each for each in Override.objects.filter(run=run, withdrawn_at=None)}
    if not held:
        return []
    wanted = Q(group__prompt__problem_id__in={problem for problem, _ in held}, index__in={sample for _, sample in held})
    rows = answers_of(run).filter(wanted).select_related("group__prompt")
    found = {(row.group.prompt.problem_id, row.index): row for row in rows}
    pairs = [(override, found[place]) for place, override in held.items() if place in found]
    return [Judged(override, row) for override, row in pairs if row.extracted == override.extracted]


def levels_of(run: Run) -> dict[str, str]:
    """Difficulty by problem id."""
    return dict(AskedProblem.objects.filter(run=run).values_list("problem_id", "level"))


def _graded(run: Run) -> Tallies:
    """One row for each distinct answer to a problem."""
    tallies: Tallies = {}
    rows = (
        answers_of(run)
        .order_by()
        .values_list("group__prompt__problem_id", "greedy", "correct", "extracted")
        .annotate(answers=Count("pk"), tokens_sum=Sum("length"), cut=Count("pk", filter=Q(finish_reason="length")))
    )
    for problem, greedy, correct, extracted, count, tokens, truncated in rows:
        tally = tallies.setdefault(problem, Tally())
        if greedy:
            tally.greedy = correct is True
        else:
            tally.add_samples(extracted, correct is True, count, tokens, truncated)
    return {name: tally for name, tally in tallies.items() if tally.samples}


def _apply(judged: Judged, tally: Tally) -> None:
    row, now = judged.rollout, judged.override.correct
    if row.greedy:
        tally.greedy = now
    elif (row.correct is True) != now:
        tally.rejudge(row.extracted, row.correct is True, now)
